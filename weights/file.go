package weights

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Format is the container that a [File] was read from.
type Format string

// The containers that [Open] reads.
const (
	Safetensors Format = "safetensors"
	GGUF        Format = "gguf"
	TorchZip    Format = "torch"
	TorchLegacy Format = "torch-legacy" // PyTorch before 1.6
)

// File is an open checkpoint. Its tensors view the mapped file and are valid
// until Close. It may be used by many goroutines at once.
type File struct {
	// Meta is what the file says besides its tensors: GGUF's keys, or
	// safetensors' __metadata__ as strings.
	Meta Meta
	// Format is the container, of the first shard where there are several.
	Format Format

	path    string
	names   []string
	tensors map[string]entry
	close   []func() error
	in      *mapped // what tensors are added from; nil where the bytes are in memory
}

// entry is a tensor of a file. Where strides is set, data holds the storage
// from the tensor's first element on and Lookup gathers the elements.
type entry struct {
	Tensor
	strides []int // in elements
}

// Path is the file or directory that was opened.
func (f *File) Path() string { return f.path }

// Names lists the tensors in the file's own order, shard after shard.
func (f *File) Names() []string { return f.names }

// Lookup finds a tensor. Its data views the mapped file, except where PyTorch
// stored a view whose elements are not in order: those are gathered into memory
// at each call.
func (f *File) Lookup(name string) (Tensor, bool) {
	e, ok := f.tensors[name]
	if !ok {
		return Tensor{}, false
	}
	if e.strides != nil {
		return e.gather(), true
	}
	return e.Tensor, true
}

// Sub is the part of a file whose tensors' names and metadata keys begin with
// prefix, seen without it, as if it were a file of its own. It needs no Close,
// and is not to be used once f is closed.
func (f *File) Sub(prefix string) *File {
	sub := &File{Meta: Meta{}, Format: f.Format, path: f.path, tensors: map[string]entry{}, in: f.in}
	for key, value := range f.Meta {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			sub.Meta[name] = value
		}
	}
	for _, full := range f.names {
		if name, ok := strings.CutPrefix(full, prefix); ok && name != "" {
			e := f.tensors[full]
			e.Name = name
			sub.tensors[name] = e
			sub.names = append(sub.names, name)
		}
	}
	return sub
}

// Close unmaps the file; no tensor of it may be used afterwards.
func (f *File) Close() error {
	var errs []error
	for _, unmap := range f.close {
		errs = append(errs, unmap())
	}
	f.close, f.tensors, f.names = nil, nil, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", f.path, err)
	}
	return nil
}

// Open opens a checkpoint: a file of any supported container, told apart by its
// content, a shard index (*.index.json), or a directory that holds one of
// those. Close the result when its tensors are no longer used.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open weights: %w", err)
	}
	if info.IsDir() {
		return openDir(path)
	}
	if isIndex(path) {
		return openIndex(path)
	}
	return openFile(path)
}

// openFile opens one file that holds tensors itself.
func openFile(path string) (*File, error) {
	in, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("open weights: %w", err)
	}
	f := &File{path: path, tensors: map[string]entry{}, in: in}
	if err := f.parse(in.data); err != nil {
		return nil, errors.Join(err, in.close())
	}
	f.close = append(f.close, in.close)
	return f, nil
}

// OpenBytes reads a checkpoint that is in memory already, as a file embedded in
// the program is. The bytes are not copied; name stands for them in errors.
func OpenBytes(name string, data []byte) (*File, error) {
	f := &File{path: name, tensors: map[string]entry{}}
	if err := f.parse(data); err != nil {
		return nil, err
	}
	return f, nil
}

// parse finds out what the bytes are and enters their tensors.
func (f *File) parse(data []byte) error {
	parse := parser(data)
	if parse == nil {
		what := "not safetensors, GGUF or a PyTorch checkpoint"
		if len(data) == 0 {
			what = "the file is empty"
		}
		return fmt.Errorf("open weights: %s: %s", f.path, what)
	}
	if err := parse(f, data); err != nil {
		return fmt.Errorf("read %s: %s: %w", f.Format, f.path, err)
	}
	return nil
}

// parser tells the containers apart by their first bytes; nil if none fits. A
// safetensors file starts with the length of its header and a brace.
func parser(data []byte) func(*File, []byte) error {
	switch {
	case bytes.HasPrefix(data, []byte("GGUF")):
		return parseGGUF
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return parseTorchZip
	case isTorchLegacy(data):
		return parseTorchLegacy
	case len(data) > 8 && data[8] == '{':
		return parseSafetensors
	}
	return nil
}

// add enters a tensor whose data has been checked against its shape.
func (f *File) add(e entry) error {
	if err := checkName(e.Name); err != nil {
		return err
	}
	if _, twice := f.tensors[e.Name]; twice {
		return fmt.Errorf("tensor %s: listed twice", quote(e.Name))
	}
	if len(f.names) == maxTensors {
		return fmt.Errorf("more than %d tensors", maxTensors)
	}
	e.in = f.in
	f.tensors[e.Name] = e
	f.names = append(f.names, e.Name)
	return nil
}

// checkName refuses names that no checkpoint has.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a tensor without a name")
	case len(name) > maxName:
		return fmt.Errorf("tensor %s: a name of %d bytes", quote(name), len(name))
	}
	return nil
}
