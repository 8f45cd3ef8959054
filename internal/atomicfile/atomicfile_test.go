package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	contents, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(contents)
}

// onlyFile fails the test when dir holds anything besides name.
func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != name {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, contents := range []string{"first", "second, longer", ""} {
		if err := WriteBytes(path, []byte(contents)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != contents {
			t.Errorf("contents %q, want %q", got, contents)
		}
	}
	onlyFile(t, dir, "file")
}

func TestFailureKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is full")
	err := WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 3*bufferSize)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want it to wrap %v", err, broken)
	}
	if got := read(t, path); got != "old" {
		t.Errorf("old file became %q", got)
	}
	onlyFile(t, dir, "file")
}

func TestPanicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = WriteFile(path, func(io.Writer) error { panic("write") })
	}()
	onlyFile(t, dir, "")
}

func TestRefusesDirectory(t *testing.T) {
	if err := WriteBytes(t.TempDir(), []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	err := WriteBytes(filepath.Join(t.TempDir(), "missing", "file"), nil)
	if err == nil {
		t.Fatal("wrote into a directory that does not exist")
	}
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("not told by the name of the file that was asked for: %v", err)
	}
}

func TestPermissionsAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has neither permission bits nor unprivileged links")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "new" {
		t.Errorf("linked file holds %q", got)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("permissions %v, want 0600", info.Mode().Perm())
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced (%v)", err)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	left, err := os.CreateTemp(dir, ".curves.svg.*.tmp") // as WriteFile makes them
	if err != nil {
		t.Fatal(err)
	}
	left.Close()
	for _, name := range []string{"curves.svg", ".hidden", "a.1.tmp", ".b.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4 {
		t.Errorf("%v are left", entries)
	}
}

// TestLongNames writes a file whose name leaves no room for a longer one.
func TestLongNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("a", 250), strings.Repeat("é", 125)} {
		dir := t.TempDir()
		if err := WriteBytes(filepath.Join(dir, name), []byte("new")); err != nil {
			t.Error(err)
		}
		onlyFile(t, dir, name)
	}
}

// TestLinkToNothing writes the file that a link names, and not over the link.
func TestLinkToNothing(t *testing.T) {
	dir := t.TempDir()
	link, circle := filepath.Join(dir, "link"), filepath.Join(dir, "circle")
	if err := errors.Join(os.Symlink("file", link), os.Symlink("circle", circle)); err != nil {
		t.Skip(err)
	}
	if err := WriteBytes(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(link); err != nil || target != "file" || read(t, filepath.Join(dir, "file")) != "new" {
		t.Errorf("the link names %q, %v", target, err)
	}
	if err := WriteBytes(circle, []byte("new")); err == nil {
		t.Error("a link to itself was written")
	}
}
