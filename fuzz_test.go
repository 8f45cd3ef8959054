package dragoman_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dragoman/internal/frugal"
)

// linkModel makes a directory of links to a model's files and folders, so that each can be replaced.
func linkModel(t testing.TB, from string) string {
	t.Helper()
	dir := t.TempDir()
	var link func(from, to string)
	link = func(from, to string) {
		for _, name := range modelFiles(t, from) {
			at, err := filepath.Abs(filepath.Join(from, name))
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(at); err == nil && info.IsDir() {
				if err := os.Mkdir(filepath.Join(to, name), 0o777); err != nil {
					t.Fatal(err)
				}
				link(at, filepath.Join(to, name))
			} else if err := os.Symlink(at, filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	link(from, dir)
	return dir
}

// What is said of a place, a size and a kind in a configuration.
var (
	place  = regexp.MustCompile(`("(?:clip_vision_encoder_path|lang_encoder_path|tokenizer_path)": *)"[^"]*"`)
	number = regexp.MustCompile(`("(?:layers|image_size)": *)[0-9]+`)
	kind   = regexp.MustCompile(`("(?:model_type|hidden_act|activation_function|rope_type|type|architecture)": *)"[^"]*"`)
)

// FuzzModelConfig gives the bytes to a directory of each kind of model in the place of one of its configurations: an error of one line, or
// a model that can be used.
func FuzzModelConfig(f *testing.F) {
	var files []string
	for _, pattern := range []string{"testdata/*", "model/flamingo/testdata/*", "model/clip/testdata/*"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, from := range dirs {
			if info, err := os.Stat(from); err != nil || !info.IsDir() {
				continue
			}
			dir := linkModel(f, from)
			for _, pattern := range []string{"*config.json", "*/config.json", "*_map.json", "*.index.json"} {
				found, err := filepath.Glob(filepath.Join(dir, pattern))
				if err != nil {
					f.Fatal(err)
				}
				files = append(files, found...)
			}
		}
	}
	slices.Sort(files)
	for i, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), raw)
		f.Add(uint8(i), place.ReplaceAll(raw, []byte(`${1}"a\nb"`)))
		f.Add(uint8(i), number.ReplaceAll(raw, []byte("${1}[1,\n2]")))
		f.Add(uint8(i), kind.ReplaceAll(raw, []byte(`${1}"`+strings.Repeat("ab\\n", 400)+`"`)))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		name := files[int(which)%len(files)]
		whole, err := os.Readlink(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(whole, name); err != nil {
				t.Fatal(err)
			}
		}()
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(name)
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "config.json")); err == nil {
			dir = filepath.Dir(dir) // of a part
		}
		frugal.Run(t, len(raw), func() { _ = try(t, strings.TrimPrefix(whole, filepath.Dir(dir)), dir) })
	})
}
