package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"dragoman/hub"
	"dragoman/internal/builtin"
	"dragoman/internal/readfile"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// Files finds a model's files: below a directory, by an absolute path, built into the program ("mini:NAME"), or in one GGUF file that
// holds them all.
type Files struct {
	dir    string        // "mini:" for the built-in model
	Packed *weights.File // nil, or the file that holds them; dir is then its path
	below  string        // in a packed file: the folder that names are below
}

// ErrPacked says that what a call would write of its own is in one file with everything else.
var ErrPacked = errors.New("a model in one file neither learns nor is its bridge taken out of it: name the folder that the file was made of")

// FileKey begins the keys under which a packed file has small files, by their names.
const FileKey = "dragoman.file."

// Dir finds files below a directory; "mini:" is the built-in model's.
func Dir(path string) Files { return Files{dir: path} }

// Find finds the files of a model that is a directory, or one file.
func Find(path string) (Files, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return Dir(path), nil // reading the first file says what is wrong
	}
	f, err := weights.Open(path)
	return Files{dir: path, Packed: f}, err
}

// Below are the files in a folder; "" is the directory itself.
func (f Files) Below(folder string) Files {
	switch {
	case folder == "":
		return f
	case f.Packed != nil:
		return Files{dir: f.dir, Packed: f.Packed, below: path.Join(f.below, folder)}
	}
	return Dir(f.Where(folder))
}

// OpenError says that a model did not open. Its path is named once: most of what goes wrong names the file itself.
func OpenError(path string, err error) error {
	if names(err.Error(), path) {
		return fmt.Errorf("open model: %w", err)
	}
	return fmt.Errorf("open model: %s: %w", strings.TrimSuffix(path, ":"), err) // the built-in one's ends with a colon
}

// names says whether a text has a path in it, or that of something below it: not as a part of a word, which a short path may be.
func names(text, path string) bool {
	for rest := text; ; {
		before, after, found := strings.Cut(rest, path)
		if !found {
			return false
		}
		begins := before == "" || strings.ContainsAny(before[len(before)-1:], ` "`)
		ends := after == "" || strings.ContainsAny(after[:1], `":,;`) || os.IsPathSeparator(after[0]) || os.IsPathSeparator(path[len(path)-1]) ||
			after[0] == ' ' && strings.ContainsAny(path, `/\.`) // no word of a sentence
		if begins && ends && path != "" {
			return true
		}
		rest = after
	}
}

// Close gives back the one file, where there is one.
func (f Files) Close() error {
	if f.Packed == nil {
		return nil
	}
	return f.Packed.Close()
}

// Where is a file's name outside of the directory.
func (f Files) Where(name string) string {
	if f.Packed != nil {
		return f.dir + ": " + path.Join(f.below, name)
	}
	if builtin.Is(name) || filepath.IsAbs(name) {
		return name
	}
	if builtin.Is(f.dir) {
		kind, folder, _ := strings.Cut(f.dir, ":")
		return kind + ":" + path.Join(folder, filepath.ToSlash(name))
	}
	return filepath.Join(f.dir, name)
}

// ReadFile reads a small file; the error is fs.ErrNotExist where there is none.
func (f Files) ReadFile(name string) ([]byte, error) {
	if f.Packed != nil {
		text, ok := f.Packed.Meta.String(FileKey + path.Join(f.below, name))
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: f.Where(name), Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
	path := f.Where(name)
	if builtin.Is(path) {
		return builtin.ReadFile(path)
	}
	const limit = 1 << 28
	b, err := readfile.Regular(path, limit)
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return b, err
}

// Has says whether there is such a file.
func (f Files) Has(name string) bool {
	if f.Packed != nil {
		_, ok := f.Packed.Meta[FileKey+path.Join(f.below, name)]
		return ok
	}
	path := f.Where(name)
	if builtin.Is(path) {
		return slices.Contains(builtin.Names(), path)
	}
	_, err := os.Stat(path)
	return err == nil
}

// Weights maps a checkpoint: a file, or the one (or its shards) in a directory. In a packed file it is the tensors below that name.
func (f Files) Weights(name string) (*weights.File, error) {
	if f.Packed != nil {
		if name == "." {
			return f.Packed, nil
		}
		return f.Packed.Sub(name + "."), nil
	}
	path := f.Where(name)
	if builtin.Is(path) {
		data, err := builtin.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return weights.OpenBytes(path, data)
	}
	return weights.Open(path)
}

// Locate is the name by which f finds a part's weights: itself, or the folder of a model in the Hugging Face cache.
func (f Files) Locate(name string) (string, error) {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("%.60q is the name of no file and no model", name)
	}
	path := f.Where(name)
	model, _ := hub.SplitRevision(name)
	if f.Packed != nil || builtin.Is(path) || filepath.IsAbs(name) || !hub.IsName(model) {
		return name, nil
	}
	if _, err := os.Stat(path); err == nil {
		return name, nil
	}
	dir, err := hub.Lookup(name)
	if err != nil {
		return "", fmt.Errorf("no such path here, and %w", err)
	}
	return dir, nil
}

// Tokenizer builds the tokenizer from its files.
func (f Files) Tokenizer() (*tokenizer.Pipeline, error) {
	return tokenizer.FromFiles(f.dir, f.ReadFile)
}
