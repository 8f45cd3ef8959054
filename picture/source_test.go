package picture

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpand(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.png", "odd[1].jpg", "dir/b.JPG", "dir/sub/c.webp", "dir/notes.txt", "dir/.hidden/d.png", ".dot.JPG"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("empty", 0o750); err != nil {
		t.Fatal(err)
	}
	inline := "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("inline"))
	args := []string{
		"./a.png", "-", "dir", "d*/*.JPG", "dir/*/d.png", "./*.JPG", "./.*.JPG", "odd[1].jpg", inline, "data:,a%20b", "data:;base64,_-8", "missing.png", "*.gif", "empty",
		"https://example.org/x.png", "-", "", "data:;base64,!",
	}
	type got struct{ Name, Content, Err string }
	var have []got
	for item := range Expand(args, strings.NewReader("from stdin")) {
		g := got{Name: item.Name}
		err := item.Err
		if err == nil {
			var data []byte
			if data, err = item.Read(); err == nil {
				data, err = item.Read() // which gives the same again
			}
			g.Content = string(data)
		}
		if err != nil {
			g.Err = err.Error()
		}
		have = append(have, g)
	}
	want := []got{
		{Name: "./a.png", Content: "a.png"},
		{Name: "-", Content: "from stdin"},
		{Name: "dir/b.JPG", Content: "dir/b.JPG"},
		{Name: "dir/sub/c.webp", Content: "dir/sub/c.webp"},
		{Name: "dir/b.JPG", Content: "dir/b.JPG"},
		{Name: "dir/*/d.png", Err: "no file matches the pattern"},
		{Name: "./*.JPG", Err: "no file matches the pattern"},
		{Name: ".dot.JPG", Content: ".dot.JPG"},
		{Name: "odd[1].jpg", Content: "odd[1].jpg"},
		{Name: inline, Content: "inline"},
		{Name: "data:,a%20b", Content: "a b"},
		{Name: "data:;base64,_-8", Content: "\xff\xef"},
		{Name: "missing.png", Err: "no such file or directory"},
		{Name: "*.gif", Err: "no file matches the pattern"},
		{Name: "empty", Err: "the folder holds no pictures"},
		{Name: "https://example.org/x.png", Err: "addresses on the network are not read"},
		{Name: "-", Err: "standard input can be read only once"},
		{Err: "the name of a picture is empty"},
		{Name: "data:;base64,!", Err: "data URL: illegal base64 data at input byte 0"},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

// TestExpandFolders: a folder is one by whatever it is named, a link or a pattern.
func TestExpandFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("photos/sub", 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"photos/a.png", "photos/sub/b.png"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"pho*", "photos/*", "./photos/"}
	want := []string{"photos/a.png", "photos/sub/b.png", "photos/a.png", "photos/sub/b.png", "photos/a.png", "photos/sub/b.png"}
	if err := os.Symlink("photos", "link"); err == nil {
		args, want = append(args, "link", "li*"), append(want, "link/a.png", "link/sub/b.png", "link/a.png", "link/sub/b.png")
	}
	var have []string
	for item := range Expand(args, nil) {
		if item.Err != nil {
			t.Errorf("%s: %v", item.Name, item.Err)
		}
		have = append(have, filepath.ToSlash(item.Name))
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

func TestExpandStopsAndIsLazy(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.png", "b.png", "c.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range Expand([]string{dir, filepath.Join(dir, "*.png"), "x"}, nil) {
		break
	}
	fetched := 0
	s := Source{Fetch: func(string) ([]byte, error) { fetched++; return nil, nil }}
	for item := range s.Expand([]string{"http://example.org/a.png", "-"}) {
		if item.Name == "-" && item.Err == nil {
			t.Error("standard input is nil and was offered")
		}
	}
	if fetched != 0 {
		t.Error("an address was read before it was asked for")
	}
}

func TestErrorsSayOneLine(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "no.png"), Options{})
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "no.png") != 1 {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("a folder was opened as a picture")
	}
}
