package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/model/flamingo"
)

// relative copies the model of a run, with its frozen parts named by paths from where the copy is.
func relative(t *testing.T, run string) string {
	t.Helper()
	parts, err := filepath.Abs("../recipes/tiny")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	to, err := filepath.Rel(dir, parts)
	if err != nil {
		t.Skip(err) // on another drive
	}
	for name, b := range files(t, filepath.Join(run, "model")) {
		if name == "config.json" {
			was, is := quoted(parts), quoted(to)
			if !bytes.Contains(b, was) {
				t.Fatalf("no part is in %s", was)
			}
			b = bytes.ReplaceAll(b, was, is)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// quoted is a text as it stands inside of one in JSON.
func quoted(s string) []byte {
	b, _ := json.Marshal(s)
	return bytes.Trim(b, `"`)
}

// TestWrittenElsewhere: a model whose frozen parts are named by paths from its own folder is gone on with, and converted, and what is
// written in other folders finds the parts all the same.
func TestWrittenElsewhere(t *testing.T) {
	pages := "stages=[{name: pages, kind: pages, sets: [{name: pairs, batch: 4}], steps: 1, batch: 4, lr: 1e-3}]"
	for name, system := range map[string]struct {
		recipe       func(t *testing.T, set ...string) *Recipe
		first, again []string
		open         func(path string) error
		convert      func(path, to string) error
	}{
		"blip2": {
			recipe: tiny,
			first:  []string{"stages.align.steps=1", "stages.prompt.steps=1"},
			again:  []string{"stages=[{name: more, kind: stage2, steps: 1, batch: 15, lr: 1e-3}]"},
			open: func(path string) error {
				m, err := blip2.Open(path, blip2.Options{})
				if err != nil {
					return err
				}
				return m.Close()
			},
			convert: func(path, to string) error {
				m, err := blip2.Open(path, blip2.Options{Trainable: true})
				if err != nil {
					return err
				}
				return errors.Join(m.Convert(to, kernel.BF16), m.Close())
			},
		},
		"flamingo": {
			recipe: tinyFlamingo,
			first:  []string{pages},
			again:  []string{pages, "model.system=flamingo"},
			open: func(path string) error {
				m, err := flamingo.Open(path, flamingo.Options{})
				if err != nil {
					return err
				}
				return m.Close()
			},
			convert: func(path, to string) error {
				m, err := flamingo.Open(path, flamingo.Options{Trainable: true})
				if err != nil {
					return err
				}
				return errors.Join(m.Convert(to, kernel.BF16), m.Close())
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := system.recipe(t, system.first...)
			if err := Run(t.Context(), first, Options{}); err != nil {
				t.Fatal(err)
			}
			from := relative(t, first.Output)
			r := system.recipe(t, append([]string{"model={from: " + string(quoted(from)) + "}"}, system.again...)...)
			if err := Run(t.Context(), r, Options{}); err != nil {
				t.Fatal(err)
			}
			if err := system.open(filepath.Join(r.Output, "model")); err != nil {
				t.Errorf("gone on with: %v", err)
			}
			dir := t.TempDir()
			if err := system.convert(from, dir); err != nil {
				t.Fatal(err)
			}
			if err := system.open(dir); err != nil {
				t.Errorf("converted: %v", err)
			}
		})
	}
}

// TestFromOneFile: what is learnt could not be taken out of one file in the end, which is said before anything is learnt.
func TestFromOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := blip2.Pack("../testdata/blip2-opt", path, blip2.Precision{}); err != nil {
		t.Fatal(err)
	}
	r := finetune(t, "blip2-opt", "model.from="+path)
	if err := Run(t.Context(), r, Options{}); err == nil || !strings.Contains(err.Error(), path+": a model in one file") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(r.Output); err == nil {
		t.Error("there is a run")
	}
}
