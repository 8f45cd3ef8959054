package blip2

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"dragoman/internal/builtin"
	"dragoman/weights"
)

// Files finds a model's files: below a directory, by an absolute path, or built into the program ("mini:NAME").
type Files struct {
	dir string // "" for the built-in model
}

// Dir finds files below a directory; "mini:" is the built-in model's.
func Dir(path string) Files { return Files{path} }

// where is a file's name outside of the directory.
func (f Files) where(name string) string {
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
	path := f.where(name)
	if builtin.Is(path) {
		return slices.Contains(builtin.Names(), path)
	}
	_, err := os.Stat(path)
	return err == nil
}

// Weights maps a checkpoint: a file, or the one (or its shards) in a directory.
func (f Files) Weights(name string) (*weights.File, error) {
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
