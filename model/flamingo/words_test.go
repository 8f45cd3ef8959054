package flamingo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/model"
	"dragoman/weights"
)

// TestRowsOfNoWord: tables of a language model that go on behind its words give what they give where they end with them, as upstream cuts
// them: the head of one whose embedding was trained, and both where the words were frozen. A directory that is written has them whole.
func TestRowsOfNoWord(t *testing.T) {
	const kind = "openflamingo-llama"
	in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
	want := logitsOf(t, "testdata/"+kind, Options{}, in)
	for _, frozen := range []bool{false, true} {
		dir := copied(t, kind)
		longer := func(x weights.Tensor) weights.Tensor {
			values, err := x.Float32()
			if err != nil {
				t.Fatal(err)
			}
			for range 6 * x.Shape[1] {
				values = append(values, 3)
			}
			return weights.FromFloat32(x.Name, []int{x.Shape[0] + 6, x.Shape[1]}, values)
		}
		var trained, words []weights.Tensor
		f := openFile(t, dir+"/checkpoint.pt")
		for _, name := range f.Names() {
			x, _ := f.Lookup(name)
			if frozen && strings.HasSuffix(name, "embed_tokens.weight") {
				x = longer(x)
				x.Name = "model.embed_tokens.weight"
				words = append(words, x)
				continue
			}
			trained = append(trained, x)
		}
		f = openFile(t, dir+"/language")
		for _, name := range f.Names() {
			x, _ := f.Lookup(name)
			switch {
			case name == "lm_head.weight" || name == "model.embed_tokens.weight" && !frozen:
				x = longer(x)
			case name == "model.embed_tokens.weight":
				continue
			}
			words = append(words, x)
		}
		for path, tensors := range map[string][]weights.Tensor{"model.safetensors": trained, "language/model.safetensors": words} {
			if err := weights.WriteSafetensors(filepath.Join(dir, path), tensors, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(dir, "checkpoint.pt")); err != nil {
			t.Fatal(err)
		}
		if err := replaced("language/config.json", kind, `"vocab_size": 57`, `"vocab_size": 63`)(dir); err != nil {
			t.Fatal(err)
		}
		if got := logitsOf(t, dir, Options{}, in); !slices.Equal(got, want) {
			t.Errorf("words frozen: %v: longer tables give other logits", frozen)
		}
		out := filepath.Join(t.TempDir(), "out")
		if err := Write(dir, out, model.Precision{}); err != nil {
			t.Fatal(err)
		}
		if got := logitsOf(t, out, Options{}, in); !slices.Equal(got, want) {
			t.Errorf("words frozen: %v: the directory gives other logits", frozen)
		}
		written := openFile(t, out+"/language")
		for _, name := range []string{"lm_head.weight", "model.embed_tokens.weight"} {
			if x, ok := written.Lookup(name); !ok || x.Shape[0] != 63 {
				t.Errorf("words frozen: %v: %s of the language model became %v", frozen, name, x.Shape)
			}
		}
	}
}
