package model

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

// A packed model is a GGUF file. Its tensors have the names that they have in a whole model; the small files of the model's directory
// are strings of its metadata, under FileKey and their names.
const (
	formatKey  = "dragoman.format"
	packFormat = 1
)

// IsPacked says whether a file is a packed model.
func IsPacked(f *weights.File) bool {
	_, ok := f.Meta[FileKey+"config.json"]
	return ok
}

// TokenizerFiles are those that a tokenizer may be made of, SmallFiles all that a model's directory has besides config.json and weights.
var (
	TokenizerFiles = []string{
		"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
		"vocab.json", "merges.txt", "spiece.model", "tokenizer.model", "vocab.txt",
	}
	SmallFiles = append([]string{"preprocessor_config.json", "processor_config.json", GenerationFile}, TokenizerFiles...)
)

// Packer collects what goes into one file: tensors as they are bound, and small files.
type Packer struct {
	Files   Files            // of the model that is packed
	Tensors []weights.Tensor // under their names in a whole model
	Meta    weights.Meta
}

// Bound takes a tensor; for nn.BuilderOptions.
func (k *Packer) Bound(t weights.Tensor) { k.Tensors = append(k.Tensors, t) }

// Begin says which kind of model it is.
func (k *Packer) Begin(modelType string, config []byte) {
	k.Meta["general.architecture"], k.Meta[formatKey] = modelType, uint64(packFormat)
	k.Put("config.json", config)
}

// Put takes a small file.
func (k *Packer) Put(name string, raw []byte) { k.Meta[FileKey+name] = string(raw) }

// Copy takes those of the named files that a folder has, into another.
func (k *Packer) Copy(folder, to string, names []string) error {
	return ReadSmall(k.Files.Below(folder), names, func(name string, raw []byte) error {
		k.Put(path.Join(to, name), raw)
		return nil
	})
}

// AddPart takes what the checkpoint f of a part has besides the tensors that were bound, from where it is into a module of the packed file.
func (k *Packer) AddPart(f *weights.File, at, module string) error {
	if f.Format == weights.GGUF && f.Meta.Architecture() != "" {
		k.AddGGUF(f, module+".")
		return nil
	}
	return k.Copy(at, module, append([]string{GenerationFile}, TokenizerFiles...))
}

// AddGGUF takes the whole file of a language model, all of it below a prefix. What was bound of it has other names than the file's.
func (k *Packer) AddGGUF(f *weights.File, prefix string) {
	for key, value := range f.Meta {
		k.Meta[prefix+key] = value
	}
	k.Tensors = slices.DeleteFunc(k.Tensors, func(t weights.Tensor) bool { return strings.HasPrefix(t.Name, prefix) })
	for _, name := range f.Names() {
		t, _ := f.Lookup(name)
		t.Name = prefix + name
		k.Tensors = append(k.Tensors, t)
	}
}

// ReadSmall gives put those of the named files that there are.
func ReadSmall(files Files, names []string, put func(name string, raw []byte) error) error {
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || IsNotDir(err) {
			continue
		}
		if err == nil {
			err = put(name, raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Write writes the file, matrices as store says. No more than a few pieces of the tensors is in memory at a time.
func (k *Packer) Write(out string, store func(weights.Tensor) (kernel.DType, bool)) error {
	outputs := make([]weights.Output, len(k.Tensors))
	for i, t := range k.Tensors {
		outputs[i] = Output(t, store)
	}
	return weights.StreamGGUF(out, outputs, k.Meta)
}

// Output is a tensor as a file has it: as store says, or as it is, or, where that is a type which only some containers have, as float32.
func Output(t weights.Tensor, store func(weights.Tensor) (kernel.DType, bool)) weights.Output {
	to := t.Type
	if d, ok := store(t); ok {
		to = weights.TypeOf(d)
	} else if !to.InGGUF() {
		to = weights.F32
	}
	return weights.Output{Name: t.Name, Type: to, Shape: t.Shape, Write: func(w io.Writer) error {
		return t.WriteAs(w, tensor.DefaultPool(), to)
	}}
}
