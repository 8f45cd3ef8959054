package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestGroups describes more pictures than go side by side, among them some that are missing or broken: all in the order of the call, and those that
// are whole as they are alone.
func TestGroups(t *testing.T) {
	const cat, other = "testdata/pictures/cat.png", "testdata/pictures/cat.jpg"
	args := []string{"no.png", cat, other, "missing.png", "testdata/pictures/empty.png", cat, "testdata/pictures/truncated.jpg", "nothing.png"}
	for range 4 {
		args = append(args, other, cat, cat, other, "testdata/pictures/one.png")
	}
	args = append(args, "none.png")
	_, out, _ := call(t, append([]string{"caption", "-q", "--json", "--model", captionModel}, args...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(args) {
		t.Fatalf("%d lines for %d pictures:\n%s", len(lines), len(args), out)
	}
	alone := map[string]string{}
	for i, name := range args {
		want, ok := alone[name]
		if !ok {
			_, want, _ = call(t, "caption", "-q", "--json", "--model", captionModel, name)
			want, _, _ = strings.Cut(strings.TrimSpace(want), `,"seconds"`)
			alone[name] = want
		}
		if got, _, _ := strings.Cut(lines[i], `,"seconds"`); got != want || !strings.Contains(got, name) {
			t.Errorf("picture %d, %s: %s, alone %s", i, name, got, want)
		}
	}
	if status, _, _ := call(t, append([]string{"caption", "-q", "--model", captionModel}, args...)...); status != exitFailed {
		t.Errorf("status %d with pictures that cannot be read", status)
	}
}

// TestNoneWaitsForStandardInput has said all that comes before standard input when that is read, in the middle of a group too.
func TestNoneWaitsForStandardInput(t *testing.T) {
	const cat = "testdata/pictures/cat.png"
	var out, errs bytes.Buffer
	said := -1
	in := readFunc(func([]byte) (int, error) {
		said = strings.Count(out.String(), "\n")
		return 0, io.EOF
	})
	run([]string{"caption", "--json", "--model", captionModel, cat, cat, cat, cat, "-", cat}, in, &out, &errs)
	if said != 4 {
		t.Errorf("%d pictures of 4 are described before standard input is read", said)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 6 {
		t.Errorf("%d lines for 6 pictures:\n%s%s", lines, out.String(), errs.String())
	}
}

// readFunc is a reader that calls a function.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }
