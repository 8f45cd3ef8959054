package atomicfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteFolder makes a folder with what write puts into the one that it is
// given, all of it or nothing: a temporary folder beside path, which takes its
// name when write is done.
//
// Into a folder that is there already, perhaps with other files, what was
// written is moved file by file, those named last at the end: who finds them
// finds the others.
func WriteFolder(path string, write func(dir string) error, last ...string) (err error) {
	path = filepath.Clean(path)
	info, statErr := os.Stat(path)
	switch {
	case statErr == nil && !info.IsDir():
		return fmt.Errorf("writing: %s: not a directory", path)
	case statErr != nil && !errors.Is(statErr, fs.ErrNotExist):
		return fmt.Errorf("writing: %w", statErr)
	}
	parent, base := filepath.Split(path)
	if statErr == nil {
		parent, base = path, "folder"
	} else if err := os.MkdirAll(filepath.Clean(parent), 0o755); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	temporary, err := os.MkdirTemp(filepath.Clean(parent), "."+short(base)+".*.tmp")
	if err != nil {
		return fmt.Errorf("writing: %s: %w", path, reason(err))
	}
	defer Track(temporary)()
	defer os.RemoveAll(temporary) // of what has its name by then nothing is there
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("writing: %s: %w", path, reason(err))
	}
	if err := write(temporary); err != nil {
		return &inFolder{err, temporary, path}
	}
	if statErr == nil {
		err = move(temporary, path, last)
	} else {
		err = os.Rename(temporary, path)
	}
	if err := cmp.Or(err, syncDir(filepath.Clean(parent))); err != nil {
		return fmt.Errorf("writing: %s: %w", path, err)
	}
	return nil
}

// inFolder is an error in a folder by the name that it would have had.
type inFolder struct {
	error
	temporary, path string
}

func (e *inFolder) Error() string {
	return strings.ReplaceAll(e.error.Error(), e.temporary, e.path)
}

func (e *inFolder) Unwrap() error { return e.error }

// move moves the files below a folder into another, those named last at the end.
func move(from, to string, last []string) error {
	var files []string
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		files = append(files, name)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(files, func(a, b string) int { return slices.Index(last, a) - slices.Index(last, b) })
	for _, name := range files {
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(from, name), target); err != nil {
			return err
		}
	}
	return nil
}
