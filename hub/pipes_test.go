//go:build unix

package hub

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipesAndDevices finds what is no file where the cache has notes: nothing waits for it, and nothing reads it to an end that does not come.
func TestPipesAndDevices(t *testing.T) {
	cache := t.TempDir()
	notes := map[string]func(path string) error{
		"models--x--pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"models--x--zero": func(path string) error { return os.Symlink("/dev/zero", path) },
		"models--x--long": func(path string) error { return os.WriteFile(path, make([]byte, maxNote+1), 0o600) },
	}
	for name, put := range notes {
		refs := filepath.Join(cache, name, "refs")
		if err := os.MkdirAll(refs, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := put(filepath.Join(refs, "main")); err != nil {
			t.Skip(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		h := &Hub{Cache: cache}
		for name := range notes {
			if _, err := h.Find("x/"+strings.TrimPrefix(name, "models--x--"), "main"); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if has, err := fileHas("/dev/zero", strings.Repeat("0", 64)); has || err != nil {
			t.Error(has, err)
		}
		_, err := h.List()
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("still reading")
	}
}
