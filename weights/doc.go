// Package weights reads and writes checkpoint files: safetensors, GGUF and
// PyTorch's zip and legacy formats, whole or in shards.
//
// A checkpoint is a [Source]: named tensors whose bytes lie where the file has
// them. [Open] maps a file and copies nothing; a [Tensor] is a name, an element
// type, a shape (outermost dimension first, whatever the file's convention) and
// the bytes, row-major and little endian, at any alignment. Kernels read the
// types of [Tensor.Kernel] as they lie; [Tensor.Float32] decodes every type.
//
// Checkpoints that name things otherwise are read through small sources stacked
// on top of one another: [Rename], [SplitRows], [Merge], and [Memory] for
// tensors made by the program.
//
// Nothing in a file is trusted. Lengths, offsets, counts and names are checked
// against the file's size before they are used, pickles are interpreted by a
// machine that knows state dicts and nothing else, and every failure is an
// error that names the file and, where there is one, the tensor.
package weights
