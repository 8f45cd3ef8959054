package main

import (
	"bytes"
	"io"
	"slices"
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
	for _, each := range []struct{ before, after []string }{
		{[]string{"caption", "--model", captionModel}, nil},
		{[]string{"ask", "--model", idefics, "--shot", cat + "=a", "--max-tokens", "4"}, []string{"w?"}},
		{[]string{"ask", "--model", captionModel, "--shot", cat + "=a"}, []string{"w?"}}, // which reads no examples
	} {
		say := func(options []string, pictures ...string) (status int, out string) {
			status, out, _ = call(t, slices.Concat(each.before, []string{"-q"}, options, pictures, each.after)...)
			return status, strings.TrimSpace(out)
		}
		_, out := say([]string{"--json"}, args...)
		lines := strings.Split(out, "\n")
		if len(lines) != len(args) {
			t.Fatalf("%v: %d lines for %d pictures:\n%s", each.before, len(lines), len(args), out)
		}
		alone := map[string]string{}
		for i, name := range args {
			want, ok := alone[name]
			if !ok {
				_, want = say([]string{"--json"}, name)
				want, _, _ = strings.Cut(want, `,"seconds"`)
				alone[name] = want
			}
			if got, _, _ := strings.Cut(lines[i], `,"seconds"`); got != want || !strings.Contains(got, name) {
				t.Errorf("%v: picture %d, %s: %s, alone %s", each.before, i, name, got, want)
			}
		}
		if status, _ := say(nil, args...); status != exitFailed {
			t.Errorf("%v: status %d with pictures that cannot be read", each.before, status)
		}
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
