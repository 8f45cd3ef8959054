package atomicfile

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAbandon leaves in the middle of a file: nothing of it is there, and the old one is as it was.
func TestAbandon(t *testing.T) {
	if dir := os.Getenv("ABANDON_IN"); dir != "" {
		_ = WriteFile(filepath.Join(dir, "file"), func(w io.Writer) error {
			_, _ = w.Write(make([]byte, 2*bufferSize))
			Track(filepath.Join(dir, "folder"))
			Abandon()
			os.Exit(7)
			return nil
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "folder", "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestAbandon$")
	cmd.Env = append(os.Environ(), "ABANDON_IN="+dir)
	err = cmd.Run()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("the system does not run what the emulator of another runs")
	}
	if err == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Fatalf("the process that writes: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(b) != "old" {
		t.Errorf("the old file is %q, %v", b, err)
	}
}
