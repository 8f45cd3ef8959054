//go:build unix

package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dragoman/internal/fakehub"
)

// waitForPart waits until some bytes of the large file are on the disk.
func waitForPart(t *testing.T) {
	t.Helper()
	for range 1000 {
		parts, err := filepath.Glob(filepath.Join(os.Getenv("HF_HOME"), "hub", "*", "blobs", "*.incomplete"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if info, err := os.Stat(part); err == nil && info.Size() > 1000 { // not of config.json
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nothing arrives")
}

// TestSignalDuringPull ends a pull in the middle of a file: the signal's status, no path on standard output; the same call goes on.
func TestSignalDuringPull(t *testing.T) {
	for signal, want := range stopSignals {
		weights := strings.Repeat("0123456789abcdef", 20_000)
		f := hubFor(t, map[string]string{"config.json": "{}", "model.safetensors": weights})
		begun := make(chan struct{}, 1)
		var asked atomic.Int32
		f.Misbehave = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || r.URL.Path != "/model.safetensors" || asked.Add(1) > 1 {
				return false
			}
			_, _ = w.Write([]byte(weights[:100_000]))
			w.(http.Flusher).Flush()
			begun <- struct{}{}
			<-r.Context().Done()
			return true
		}
		cmd := process(t, "pull", fakehub.Model)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-begun
		waitForPart(t)
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := status(t, cmd); got != want || out.Len() > 0 || strings.Contains(errs.String(), "dragoman: ") {
			t.Errorf("%v: status %d, %q, %q", signal, got, out.String(), errs.String())
		}
		status, path, stderr := call(t, "pull", fakehub.Model)
		if status != exitDone {
			t.Fatalf("the next pull: %d %q", status, stderr)
		}
		if got, err := os.ReadFile(filepath.Join(strings.TrimSpace(path), "model.safetensors")); err != nil || string(got) != weights {
			t.Errorf("the next pull brought %d bytes, %v", len(got), err)
		}
		if f.Requests("GET /model.safetensors bytes=") != 1 {
			t.Errorf("%v: the next pull did not go on", signal)
		}
	}
}
