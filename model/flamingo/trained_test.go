package flamingo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/weights"
)

// rewritten replaces a checkpoint below dir by what change makes of each of its tensors: none, one or several.
func rewritten(t *testing.T, dir, checkpoint string, change func(x weights.Tensor) []weights.Tensor) {
	t.Helper()
	f := openFile(t, filepath.Join(dir, checkpoint))
	var tensors []weights.Tensor
	for _, name := range f.Names() {
		x, _ := f.Lookup(name)
		tensors = append(tensors, change(x)...)
	}
	path := f.Path()
	if checkpoint == checkpointName {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(dir, "model.safetensors")
	}
	if err := weights.WriteSafetensors(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
}

// TestSecondName: a head that is the embedding is one tensor of two names to torch, and upstream's filter_state_dict_to_trainable saves either
// both or, of words that were not trained and whose name does not say "embed", the head's alone.
func TestSecondName(t *testing.T) {
	for _, c := range []struct {
		kind, table string
		both        bool
	}{{"openflamingo-opt", "model.decoder.embed_tokens.weight", true}, {"openflamingo-mpt", "transformer.wte.weight", true}, {"openflamingo-mpt", "transformer.wte.weight", false}} {
		in := openFile(t, "testdata/"+c.kind+"/inputs.safetensors")
		want := logitsOf(t, "testdata/"+c.kind, Options{}, in)
		dir := copied(t, c.kind)
		rewritten(t, dir, checkpointName, func(x weights.Tensor) []weights.Tensor {
			if !strings.HasSuffix(x.Name, c.table) {
				return []weights.Tensor{x}
			}
			head := x
			head.Name = strings.TrimSuffix(x.Name, c.table) + "lm_head.weight"
			if c.both {
				return []weights.Tensor{x, head}
			}
			return []weights.Tensor{head}
		})
		if got := logitsOf(t, dir, Options{}, in); !slices.Equal(got, want) {
			t.Errorf("%s, both names: %v: logits are not those of the embedding's name alone", c.kind, c.both)
		}
	}
	dir := copied(t, "openflamingo-opt")
	rewritten(t, dir, checkpointName, func(x weights.Tensor) []weights.Tensor {
		if !strings.HasSuffix(x.Name, "embed_tokens.weight") {
			return []weights.Tensor{x}
		}
		return []weights.Tensor{x, weights.FromFloat32("lang_encoder.lm_head.weight", []int{1}, []float32{1})}
	})
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "belongs to nothing") {
		t.Errorf("a head of another shape: %v", err)
	}
}

// TestMPTAsStored: keys that transformers' MptForCausalLM passes over change nothing of a checkpoint that it wrote; a table of positions is
// MosaicML's, and refused.
func TestMPTAsStored(t *testing.T) {
	const kind = "openflamingo-mpt"
	in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
	want := logitsOf(t, "testdata/"+kind, Options{}, in)
	dir := copied(t, kind)
	raw, err := os.ReadFile(filepath.Join(dir, "language/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`"expansion_ratio": 4`, `"expansion_ratio": 2`, `"no_bias": true`, `"no_bias": false`,
		`"model_type": ""`, `"qk_ln": true, "alibi": false`).Replace(string(raw))
	if err := write("language/config.json", text)(dir); err != nil {
		t.Fatal(err)
	}
	if got := logitsOf(t, dir, Options{}, in); !slices.Equal(got, want) {
		t.Error("keys that transformers passes over give other logits")
	}
	rewritten(t, dir, "language", func(x weights.Tensor) []weights.Tensor {
		if x.Name != "transformer.norm_f.weight" {
			return []weights.Tensor{x}
		}
		return []weights.Tensor{x, weights.FromFloat32("transformer.wpe.weight", []int{1, 1}, []float32{1})}
	})
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "positions that are learned") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a table of positions: %v", err)
	}
}
