//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDevices: what is no file is written to, and stays what it is.
func TestDevices(t *testing.T) {
	if err := WriteBytes(os.DevNull, make([]byte, 2*bufferSize)); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Fatalf("%s is %v now, %v", os.DevNull, info, err)
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		err := WriteBytes("/dev/full", []byte("x"))
		if !errors.Is(err, syscall.ENOSPC) || strings.Count(err.Error(), "/dev/full") != 1 {
			t.Errorf("a full device: %v", err)
		}
	}

	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := WriteBytes(pipe, []byte("x")); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("a pipe that nobody reads: %v", err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	written := make(chan error, 1)
	go func() { written <- WriteBytes(pipe, make([]byte, 3*bufferSize)) }() // more than a pipe holds
	n, first := 0, make([]byte, 1<<16)
	for n < 3*bufferSize {
		k, err := reader.Read(first)
		n += k
		if err != nil && !errors.Is(err, io.EOF) { // nobody has opened it yet
			t.Fatal(err)
		}
	}
	if err := <-written; err != nil || n != 3*bufferSize {
		t.Errorf("%d bytes came through, %v", n, err)
	}
	onlyFile(t, filepath.Dir(pipe), "pipe")
}
