package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesOfOthers: what is said of names in an archive that somebody else made has nothing in it that a terminal obeys.
func TestPagesOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for _, name := range []string{"a\x1b[31m.png", "b.json"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call(t, "pages", path)
	if strings.Contains(out+errs, "\x1b") || !strings.Contains(out, `a\x1b[31m`) {
		t.Errorf("%d: %q%q", status, out, errs)
	}
}

// TestReadShots reads examples from a file and from flags; files are found from where they are named.
func TestReadShots(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "shots.jsonl")
	apart := filepath.ToSlash(filepath.Join(t.TempDir(), "b.png"))
	lines := `{"image":"a.png","text":"a cat"}` + "\n\n" + `{"images":["a.png","` + apart + `"],"question":"what?","text":""}` + "\n" + `{"text":"none"}`
	for path, content := range map[string]string{file: lines, filepath.Join(dir, "a.png"): "", apart: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &cli{stdin: &bytes.Buffer{}}
	shots, err := c.readShots([]string{photo + "=a=b"}, file, "why?")
	if err != nil {
		t.Fatal(err)
	}
	if len(shots) != 4 || len(shots[0].Images) != 1 || len(shots[1].Images) != 2 || len(shots[2].Images) != 0 ||
		shots[0].Question != "why?" || shots[1].Question != "what?" || shots[3].Text != "a=b" {
		t.Errorf("read %+v", shots)
	}
	for _, bad := range []string{"{", `{"image":"a.png"}`, `{"image":7,"text":"x"}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.readShots(nil, file, ""); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	for _, bad := range []string{"x", "=x"} {
		if _, err := c.readShots([]string{bad}, "", ""); err == nil {
			t.Errorf("--shot %s: no error", bad)
		}
	}
}

// TestCutShot: a picture's name may hold a = itself, as addresses with a query and the padding of data: URLs do.
func TestCutShot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "size=3.png")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{file, "a=b"},
		{dir + "/size=4.png", ""}, // there is none of this name: see below
		{"cat.png", "a=b"},
		{"-", "a=b"},
		{"data:image/png;base64,QUJD", "a=b"},
		{"data:image/png;base64,QUI=", "a=b"},
		{"data:image/png;base64,QQ==", "a"},
		{"data:image/png;base64,QQ", "a"},
		{"data:image/png;name=x;base64,QUI=", "a"},
		{"data:image/png;name=x;BASE64,QUI=", "a"},
		{"data:image/png;name=x,QQ", "==a"},
		{"https://example.org/a.png", "b=c"},
		{"https://example.org/a.png?size=3", "b=c"},
		{"https://example.org/a.png?size=3&crop=1", "is it? 1&2=3"},
		{"https://example.org/a.png?size=3&crop", "b c=d"},
		{"https://example.org/a.png?size", "b c=d"},
		{"https://example.org/r&b.png", "a=b"},
		{"https://example.org/a.png", "what?a=b=c"},
	} {
		s, want := c[0]+"="+c[1], len(c[0])
		if c[1] == "" {
			want = strings.IndexByte(s, '=')
		}
		if at := cutShot(s); at != want {
			t.Errorf("%s: %d, not %d", s, at, want)
		}
	}
}

// TestPagesOfRubbish: of a file that is none of pages for the most part the first are named, and all counted.
func TestPagesOfRubbish(t *testing.T) {
	whole, err := filepath.Abs(photo)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pages.jsonl")
	page := `{"parts":[{"text":"a"},{"image":"` + whole + `"}]}` + "\n"
	if err := os.WriteFile(path, []byte(page+strings.Repeat("rubbish\n", 2*maxShownSkips)), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call(t, "pages", path)
	if n := strings.Count(out, ": skipped: "); status != exitDone || n != maxShownSkips || !strings.Contains(out, path+": 100 pages skipped besides\n") || !strings.Contains(out, "; 200 pages skipped") {
		t.Errorf("%d: %d lines of skipped pages: %.2000s%s", status, n, out, errs)
	}
}
