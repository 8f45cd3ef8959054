package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// put writes files into a folder, and fails behind them if it is to.
func put(err error, names ...string) func(string) error {
	return func(dir string) error {
		for _, name := range names {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("new"), 0o600)); err != nil {
				return err
			}
		}
		if err != nil {
			return &fs.PathError{Op: "write", Path: filepath.Join(dir, "c"), Err: err}
		}
		return nil
	}
}

// TestWriteFolder makes a folder whole, in one that is not there yet either, or not at all.
func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "above", "folder")
	full := errors.New("the disk is full")
	err := WriteFolder(path, put(full, "a", "b/c"))
	if !errors.Is(err, full) || err.Error() != "write "+filepath.Join(path, "c")+": the disk is full" {
		t.Errorf("a write that fails: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "in"), filepath.Join(file, "in", "it")} {
		if err := WriteFolder(path, put(nil, "a")); err == nil || !strings.HasPrefix(err.Error(), "writing: ") {
			t.Errorf("a folder at a file: %v", err)
		}
	}
	if err := WriteFolder(path, put(nil, "a", "b/c")); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, filepath.Dir(path), "folder")
	if got := read(t, filepath.Join(path, "a")) + read(t, filepath.Join(path, "b", "c")); got != "newnew" {
		t.Errorf("%q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o055 != 0o055 && os.PathSeparator == '/' {
		t.Errorf("nobody else can read it: %v, %v", info, err)
	}
	if err := WriteFolder(filepath.Join(path, "a"), put(nil, "a")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file in its place: %v", err)
	}
}

// TestWriteFolderAmongOthers leaves what else is in a folder.
func TestWriteFolderAmongOthers(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"other", "b/other"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(path, "b"), 0o755), os.WriteFile(filepath.Join(path, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	names := func() string {
		var all []string
		_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, _ error) error {
			if !d.IsDir() {
				name, _ := filepath.Rel(path, p)
				all = append(all, filepath.ToSlash(name))
			}
			return nil
		})
		return strings.Join(all, " ")
	}
	if err := WriteFolder(path, put(errors.New("no"), "a", "b/c")); err == nil || names() != "b/other other" {
		t.Errorf("a write that fails: %v, there is %s", err, names())
	}
	if err := WriteFolder(path, put(nil, "a", "b/c"), "a"); err != nil || names() != "a b/c b/other other" {
		t.Errorf("%v, there is %s", err, names())
	}
}
