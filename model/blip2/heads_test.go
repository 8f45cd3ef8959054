package blip2

import (
	"path/filepath"
	"slices"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

// TestTiedHeads: where the configuration has the output head be the embedding, a checkpoint may have both, or only the one that a program kept
// which stores once what is shared, or a head that is its own none the less.
func TestTiedHeads(t *testing.T) {
	const head = languageModule + ".lm_head.weight"
	for name, table := range map[string]string{"blip2-opt": "language_model.model.decoder.embed_tokens.weight", "blip2-llama": "language_model.model.embed_tokens.weight"} {
		dir := "../../testdata/" + name
		in, src := openFile(t, dir+"/inputs.safetensors"), openFile(t, dir)
		words, _ := src.Lookup(table)
		values, err := words.Float32()
		if err != nil {
			t.Fatal(err)
		}
		// with is the model of the directory, with these values as its head, none for nil, and an embedding or none.
		with := func(values []float32, both bool) *Model {
			var tensors []weights.Tensor
			for _, n := range src.Names() {
				if w, _ := src.Lookup(n); n != head && (n != table || both) {
					tensors = append(tensors, w)
				}
			}
			if values != nil {
				tensors = append(tensors, weights.FromFloat32(head, words.Shape, values))
			}
			at := variant(t, dir, func(c map[string]any) { c["text_config"].(map[string]any)["tie_word_embeddings"] = true }, "model.safetensors.index.json")
			if err := weights.WriteSafetensors(filepath.Join(at, "model.safetensors"), tensors, nil); err != nil {
				t.Fatal(err)
			}
			m, err := Open(at, Options{Trainable: true, All: true})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			t.Cleanup(func() { m.Close() })
			return m
		}
		// logits are its logits, and which tables it has gradients of.
		logits := func(m *Model) (values []float32, tables []string) {
			out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{
				Inputs: in, Select: func(n string) bool { return n == "logits" }, Grad: func(n string) bool { return n == head || n == table },
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range out[1:] {
				tables = append(tables, w.Name)
			}
			if values, err = out[0].Float32(); err != nil {
				t.Fatal(err)
			}
			return values, tables
		}
		want, one := logits(with(nil, true))
		for kind, m := range map[string]*Model{"both": with(values, true), "the head alone": with(values, false)} {
			got, tables := logits(m)
			if !slices.Equal(tables, one) {
				t.Errorf("%s, %s: gradients of %v, want of %v", name, kind, tables, one)
			}
			near(t, name+", "+kind, got, want, 0)
		}
		width, vocab := words.Shape[1], words.Shape[0]
		got, tables := logits(with(backwards(values, width), true))
		if len(tables) != 2 {
			t.Errorf("%s: gradients of %v, not of embedding and head", name, tables)
		}
		for row := range slices.Chunk(got, vocab) {
			slices.Reverse(row)
		}
		near(t, name+", a head of its own", got, want, 1e-4)
	}
}

// backwards are rows of a width, the last first.
func backwards(x []float32, width int) []float32 {
	out := make([]float32, 0, len(x))
	for from := len(x) - width; from >= 0; from -= width {
		out = append(out, x[from:from+width]...)
	}
	return out
}
