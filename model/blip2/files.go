package blip2

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"dragoman/internal/builtin"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// Files finds a model's files: below a directory, by an absolute path, built into the program ("mini:NAME"), or in one GGUF file that
// holds them all.
type Files struct {
	dir    string        // "mini:" for the built-in model
	packed *weights.File // nil, or the file that holds them; dir is then its path
	below  string        // in a packed file: the folder that names are below
}

// Dir finds files below a directory; "mini:" is the built-in model's.
func Dir(path string) Files { return Files{dir: path} }

// find finds the files of a model that is a directory, or one file.
func find(path string) (Files, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return Dir(path), nil // reading the first file says what is wrong
	}
	f, err := weights.Open(path)
	return Files{dir: path, packed: f}, err
}

// Below are the files in a folder; "" is the directory itself.
func (f Files) Below(folder string) Files {
	switch {
	case folder == "":
		return f
	case f.packed != nil:
		return Files{dir: f.dir, packed: f.packed, below: path.Join(f.below, folder)}
	}
	return Dir(f.where(folder))
}

// close gives back the one file, where there is one.
func (f Files) close() error {
	if f.packed == nil {
		return nil
	}
	return f.packed.Close()
}

// where is a file's name outside of the directory.
func (f Files) where(name string) string {
	if f.packed != nil {
		return f.dir + ": " + path.Join(f.below, name)
	}
	if builtin.Is(name) || filepath.IsAbs(name) {
		return name
	}
	if builtin.Is(f.dir) {
		return f.dir + filepath.ToSlash(name)
	}
	return filepath.Join(f.dir, name)
}

// ReadFile reads a small file; the error is fs.ErrNotExist where there is none.
func (f Files) ReadFile(name string) ([]byte, error) {
	if f.packed != nil {
		text, ok := f.packed.Meta.String(fileKey + path.Join(f.below, name))
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: f.where(name), Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
	path := f.where(name)
	if builtin.Is(path) {
		return builtin.ReadFile(path)
	}
	const limit = 1 << 28
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes are too many", path, info.Size())
	}
	return os.ReadFile(path)
}

// Has says whether there is such a file.
func (f Files) Has(name string) bool {
	if f.packed != nil {
		_, ok := f.packed.Meta[fileKey+path.Join(f.below, name)]
		return ok
	}
	path := f.where(name)
	if builtin.Is(path) {
		return slices.Contains(builtin.Names(), path)
	}
	_, err := os.Stat(path)
	return err == nil
}

// Weights maps a checkpoint: a file, or the one (or its shards) in a directory. In a packed file it is the tensors below that name.
func (f Files) Weights(name string) (*weights.File, error) {
	if f.packed != nil {
		if name == "." {
			return f.packed, nil
		}
		return f.packed.Sub(name + "."), nil
	}
	path := f.where(name)
	if builtin.Is(path) {
		data, err := builtin.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return weights.OpenBytes(path, data)
	}
	return weights.Open(path)
}

// Tokenizer builds the tokenizer from its files.
func (f Files) Tokenizer() (*tokenizer.Pipeline, error) {
	return tokenizer.FromFiles(f.dir, f.ReadFile)
}
