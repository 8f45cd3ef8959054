package builtin

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
)

func TestFiles(t *testing.T) {
	if _, err := ReadFile("mini:absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that nobody left: %v", err)
	}
	Add("mini:a.txt", func() ([]byte, error) { return []byte("x"), nil })
	data, err := ReadFile("mini:a.txt")
	if err != nil || string(data) != "x" || !slices.Contains(Names(), "mini:a.txt") {
		t.Errorf("left, but found %q, %v among %v", data, err, Names())
	}
	if !Is("mini:a.txt") || !Is("mini:absent") || Is("a.txt") {
		t.Error("names of built-in files are not told from others")
	}
}
