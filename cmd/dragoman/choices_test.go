package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"dragoman"
)

const (
	idefics = "../../model/flamingo/testdata/idefics"
	photo   = "../../testdata/blip2-opt/picture.png"
)

// TestChoiceFlags collects choices from lists, single texts and a file.
func TestChoiceFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "choices.txt")
	if err := os.WriteFile(file, []byte("one, two\n\n three \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string][]string{
		"--choices a,b --choices c":                         {"a", "b", "c"},
		"--choices a,b --choice x,y --choices-file " + file: {"a", "b", "x,y", "one, two", "three"},
		"--choices a,a":                                     nil,
		"--choices=":                                        nil,
		"--choices a,,b":                                    nil,
		"--choices a --permutations 0":                      nil,
		"--permutations 3":                                  nil,
		"--per-token":                                       nil,
		"--choices-file " + filepath.Join(t.TempDir(), "none"): nil,
	} {
		cmd, g := &cobra.Command{}, &dragoman.Generate{}
		f := choiceFlagsOf(cmd, g)
		err := cmd.ParseFlags(strings.Fields(args))
		if err == nil {
			err = f.read(&cli{}, g, false)
		}
		if (err == nil) != (want != nil) || err == nil && !slices.Equal(g.Choices, want) {
			t.Errorf("%s: %q (%v), want %q", args, g.Choices, err, want)
		}
	}
}

// TestParsePage reads pages and conversations, and refuses what is neither.
func TestParsePage(t *testing.T) {
	p, err := (&cli{}).parsePage([]byte(`{"turns":[{"role":"user","parts":[{"image":"a.png"},{"text":"what?"}]},{"role":"assistant","parts":[{"text":"b"}]}]}`), "dir")
	if err != nil || len(p.turns) != 2 || len(p.turns[0].Parts) != 2 || p.turns[0].Parts[0].Image == nil || p.turns[1].Role != "assistant" {
		t.Errorf("read %+v (%v)", p, err)
	}
	for _, bad := range []string{
		`{}`, `[]`, `{"parts":[]}`, `{"parts":[{}]}`, `{"parts":[{"text":"a","image":"b"}]}`, `{"turns":[{"role":"user"}]}`,
		`{"turns":[{"role":"user","parts":[{"text":"a"}]}],"parts":[{"text":"a"}]}`,
		`{"parts":[{"video":"a","text":"b"}]}`, `{"parts":[{"video":"a","fps":-1}]}`, `{"parts":[{"video":"a","image":"b"}]}`,
	} {
		if p, err := (&cli{}).parsePage([]byte(bad), ""); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %+v, %v", bad, p, err)
		}
	}
}

// TestManyPicturesAreAsOne answers about several pictures behind examples in one call, with the bytes of a call for each.
func TestManyPicturesAreAsOne(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.png")
	raw, err := os.ReadFile("../../testdata/instructblip/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) string {
		var out, errs bytes.Buffer
		if status := run(append([]string{"ask", "--model", idefics, "--json", "--shot", photo + "=b"}, args...), &bytes.Buffer{}, &out, &errs); status != 0 {
			t.Fatalf("%v: %d: %s%s", args, status, out.String(), errs.String())
		}
		var lines []string
		for line := range strings.Lines(out.String()) {
			before, _, _ := strings.Cut(line, `"seconds"`)
			lines = append(lines, before)
		}
		return strings.Join(lines, "\n")
	}
	for _, more := range [][]string{{"--max-tokens", "3"}, {"--choices", "yes,no", "--permutations", "2"}} {
		with := func(args ...string) []string { return slices.Concat(more, args) }
		one, two := call(with(photo, "a")...), call(with(other, "a")...)
		if all := call(with(photo, other, photo, "a")...); all != strings.Join([]string{one, two, one}, "\n") || one == two {
			t.Errorf("%v: together\n%s\napart\n%s\n%s", more, all, one, two)
		}
	}
}

// TestChatWithPictures talks about pictures that lines name; one that is broken is reported, and the conversation goes on.
func TestChatWithPictures(t *testing.T) {
	chat := func(in string, args ...string) (string, int) {
		var out, errs bytes.Buffer
		status := run(append([]string{"chat", "--model", idefics, "--max-tokens", "4"}, args...), strings.NewReader(in), &out, &errs)
		return out.String() + errs.String(), status
	}
	with, status := chat("/image " + photo + "\nab\n")
	if status != 0 {
		t.Fatalf("%d: %s", status, with)
	}
	if same, _ := chat("", "--image", photo, "ab"); same != with {
		t.Errorf("with a line %q, with a flag %q", with, same)
	}
	if without, _ := chat("ab\n"); without == with {
		t.Errorf("a picture does not count: %q", with)
	}
	if text, status := chat("/image none.png\nab\n"); status != 1 || !strings.Contains(text, "none.png") || len(text) < 20 {
		t.Errorf("a picture that is not there: %d, %q", status, text)
	}
}

// TestChatLongLine: what is said without end ends.
func TestChatLongLine(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"chat", "--model", idefics}, zeros{}, &out, &errs); status != exitFailed || !strings.Contains(errs.String(), "the line is longer than") {
		t.Errorf("%d: %.2000s", status, errs.String())
	}
}
