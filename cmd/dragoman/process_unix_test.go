//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the command in a process of its own: the test's program under the command's name.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "dragoman"
	// A process that hangs fails its test, and does not outlive it.
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		timer.Stop()
		if cmd.Process != nil && cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// status waits for a process; −1 is one that a signal killed.
func status(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// captionModel is a small model that captions and chats.
const captionModel = "../../testdata/blip2-llama"

// signals are those that a person or a supervisor ends a program with, and the statuses that tell them.
var stopSignals = map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143}

// TestSignalAmongPictures stops a call in the middle of many pictures: whole lines, no error, the signal's status.
func TestSignalAmongPictures(t *testing.T) {
	args := []string{"caption", "--model", captionModel}
	for range 20000 {
		args = append(args, "testdata/pictures/cat.jpg")
	}
	for signal, want := range stopSignals {
		cmd := process(t, args...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("the first caption: %v\n%s", err, errs.String())
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		if got := status(t, cmd); got != want {
			t.Errorf("%v: status %d, want %d", signal, got, want)
		}
		if errs.Len() > 0 {
			t.Errorf("%v: standard error: %s", signal, errs.String())
		}
		if len(rest) > 0 && rest[len(rest)-1] != '\n' {
			t.Errorf("%v: the last line is cut: %q", signal, rest)
		}
	}
}

// TestSignalBeforeAFile stops commands that make one thing of many pictures: there is none of those before the signal.
func TestSignalBeforeAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.safetensors")
	for _, args := range [][]string{
		{"embed", "--model", clipFolder, "--out", path, "testdata/pictures/cat.jpg", "-"},
		{"preprocess", "--model", clipFolder, "--out", path, "testdata/pictures/cat.jpg", "-"},
		{"inspect", "-q", "--model", idefics, "testdata/pictures/cat.jpg", "-"},
	} {
		for signal, want := range stopSignals {
			cmd := process(t, args...)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds: it reads the second picture
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if got := status(t, cmd); got != want || out.Len() > 0 || errs.Len() > 0 {
				t.Errorf("%s, %v: status %d: %s%s", args[0], signal, got, out.String(), errs.String())
			}
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s, %v: there is a file of what came before", args[0], signal)
				_ = os.Remove(path)
			}
		}
	}
}

// TestSignalWhileWaiting stops commands that wait for standard input.
func TestSignalWhileWaiting(t *testing.T) {
	for _, args := range [][]string{
		{"chat", "--model", captionModel},
		{"tokenize", "--model", captionModel},
		{"caption", "--model", captionModel, "-"},
	} {
		for signal, want := range stopSignals {
			cmd := process(t, args...)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if args[0] == "caption" {
				if _, err := in.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds: it has begun to read
					t.Fatal(err)
				}
			} else {
				if _, err := io.WriteString(in, "w1 w2\n"); err != nil {
					t.Fatal(err)
				}
				if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
					t.Fatalf("%v: the first answer: %v\n%s", args, err, errs.String())
				}
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if got := status(t, cmd); got != want || errs.Len() > 0 {
				t.Errorf("%v, %v: status %d, want %d; standard error: %s", args, signal, got, want, errs.String())
			}
		}
	}
}

// TestSignalInTraining stops a run, which then goes on with --resume and ends in the bytes of one that nobody stopped.
func TestSignalInTraining(t *testing.T) {
	dir := t.TempDir()
	recipe := func(output string, more ...string) []string {
		return append([]string{"train", "../../recipes/tiny.yaml", "--set", "output=" + filepath.Join(dir, output)}, more...)
	}
	whole := process(t, recipe("whole", "-q")...)
	if out, err := whole.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for signal, want := range stopSignals {
		output := signal.String()
		cmd := process(t, recipe(output)...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		metrics := filepath.Join(dir, output, "metrics.jsonl")
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if b, err := os.ReadFile(metrics); err == nil && bytes.Count(b, []byte("\n")) > 2 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no step in a minute\n%s", errs.String())
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := status(t, cmd); got != want {
			t.Errorf("%v: status %d, want %d\n%s", signal, got, want, errs.String())
		}
		if strings.Contains(errs.String(), "goroutine") || strings.Contains(errs.String(), "dragoman: ") {
			t.Errorf("%v: standard error: %s", signal, errs.String())
		}
		if out, err := process(t, recipe(output, "-q", "--resume")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: --resume: %v\n%s", signal, err, out)
		}
		for _, name := range []string{"metrics.jsonl", "report.json", "model/model.safetensors", "model/config.json"} {
			a, err := os.ReadFile(filepath.Join(dir, "whole", name))
			if err != nil {
				t.Error(err)
				continue
			}
			if b, err := os.ReadFile(filepath.Join(dir, output, name)); err != nil || !bytes.Equal(a, b) {
				t.Errorf("%v: %s is not that of a run that nobody stopped (%v)", signal, name, err)
			}
		}
	}
}

// TestBrokenPipe closes the reader's end of standard output after one line, as head -1 does: the process ends by SIGPIPE or with a
// failure, soon and without a word.
func TestBrokenPipe(t *testing.T) {
	args := []string{"caption", "--json", "--model", captionModel}
	for range 20000 {
		args = append(args, "testdata/pictures/cat.jpg")
	}
	cmd := process(t, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	if got := status(t, cmd); got == 0 {
		t.Error("status 0, though the result was not read")
	}
	if errs.Len() > 0 {
		t.Errorf("standard error: %s", errs.String())
	}
}

// TestFullDisk writes results where there is no room: one line, status 1, whatever the command.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	const cat = "testdata/pictures/cat.png"
	for _, args := range [][]string{
		{"caption", "--model", captionModel, cat, cat, cat},
		{"caption", "--json", "--model", captionModel, cat, cat, cat},
		{"caption", "--json", "--model", captionModel, "missing.png", "missing.png"},
		{"chat", "--model", captionModel, "w1"},
		{"tokenize", "--model", captionModel},
		{"trace", "--model", captionModel, "--list"},
		{"--help"},
		{"caption", "--help"},
		{"version"},
		{"licenses"},
		{"completion", "bash"},
	} {
		cmd := process(t, args...)
		var errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("w1\nw2\n"), full, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := status(t, cmd); got != exitFailed {
			t.Errorf("%v: status %d, want %d", args, got, exitFailed)
		}
		if got := errs.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "dragoman: ") || !strings.Contains(got, "no space left") {
			t.Errorf("%v: not one line about the disk: %q", args, got)
		}
	}
}

// TestFileCutShort truncates a model's file while it is mapped: one line and a status, where the system kills programs.
func TestFileCutShort(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(captionModel)); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile("testdata/pictures/cat.png")
	if err != nil {
		t.Fatal(err)
	}
	cmd := process(t, "caption", "--model", dir, "--dtype", "f32", "testdata/pictures/cat.png", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("the first caption: %v\n%s", err, errs.String())
	}
	if err := os.Truncate(filepath.Join(dir, "model.safetensors"), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(picture); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if _, err := io.ReadAll(lines); err != nil {
		t.Fatal(err)
	}
	if got := status(t, cmd); got != exitFailed || !strings.HasPrefix(errs.String(), "dragoman: reading a mapped file: ") || strings.Count(errs.String(), "\n") != 2 {
		t.Errorf("status %d:\n%s", got, errs.String())
	}
}
