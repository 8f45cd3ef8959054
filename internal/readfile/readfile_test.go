package readfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(string, int64) ([]byte, error){"Regular": Regular, "Any": Any} {
		if b, err := read(path, 4); err != nil || string(b) != "abcd" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if _, err := read(path, 3); !IsTooLarge(err) {
			t.Errorf("%s, of 3 bytes: %v", name, err)
		}
		if _, err := read(dir, 4); err == nil || !strings.Contains(err.Error(), "a folder, not a file") {
			t.Errorf("%s of a folder: %v", name, err)
		}
		if _, err := read(path+"x", 4); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of nothing: %v", name, err)
		}
		if _, err := os.Stat("/dev/zero"); err == nil {
			if _, err := read("/dev/zero", 1<<40); err == nil || !strings.Contains(err.Error(), "a device, not a file") {
				t.Errorf("%s of a device: %v", name, err)
			}
		}
	}
}

// TestNull reads nothing.
func TestNull(t *testing.T) {
	if b, err := Any(os.DevNull, 9); err != nil || len(b) != 0 {
		t.Errorf("%q, %v", b, err)
	}
}

// TestPipe reads what somebody writes, and does not wait for ever for somebody who does not.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	if err := makePipe(path); err != nil {
		t.Skip(err)
	}
	if _, err := Regular(path, 9); err == nil || !strings.Contains(err.Error(), "a pipe") {
		t.Error(err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond) // so that it is read from first
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		for _, s := range []string{"ab", "cd"} {
			time.Sleep(50 * time.Millisecond)
			if _, err := f.WriteString(s); err != nil {
				t.Error(err)
			}
		}
		f.Close()
	}()
	if b, err := Any(path, 9); err != nil || string(b) != "abcd" {
		t.Errorf("%q, %v", b, err)
	}
	patience = 300 * time.Millisecond
	began := time.Now()
	if _, err := Any(path, 9); err == nil || !strings.Contains(err.Error(), "nobody writes") {
		t.Error(err)
	}
	if took := time.Since(began); took > patience+10*time.Second {
		t.Errorf("waited for %v", took)
	}
}
