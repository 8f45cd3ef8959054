package dragoman

import (
	"math"
	"slices"
	"testing"

	"dragoman/weights"
)

// TestInspectPages looks into models that read pages: gates as the checkpoint has them, latents whose maps are probabilities and lie on the
// encoder's grid, and tokens that look at the last picture before them. Looking changes nothing of what is said.
func TestInspectPages(t *testing.T) {
	for kind, c := range map[string]struct {
		layers, latents int
		gates           string // of the first gated layer
		at              int
	}{
		"idefics":              {2, 0, "model.gated_cross_attn_layers.0.alpha_cross_attn", 0},
		"idefics-plain":        {0, 0, "model.gated_cross_attn_layers.0.alpha_cross_attn", 0},
		"openflamingo-mosaic":  {2, 3, "lang_encoder.transformer.blocks.0.gated_cross_attn_layer.attn_gate", 0},
		"openflamingo-gptneox": {2, 3, "lang_encoder.gpt_neox.layers.1.gated_cross_attn_layer.attn_gate", 1},
	} {
		dir := "model/flamingo/testdata/" + kind
		m, err := Open(dir, WithDType("f32"))
		if err != nil {
			t.Fatal(err)
		}
		img := ImageFile("cmd/dragoman/testdata/pictures/cat.png")
		g := &Generate{MaxTokens: 3, Prompt: "a"}
		before, err := m.Caption(t.Context(), img, g)
		if err != nil {
			t.Fatal(err)
		}
		in, err := m.Inspect(t.Context(), img, InspectOptions{Generate: g})
		if err != nil {
			t.Fatal(err)
		}
		if after, err := m.Caption(t.Context(), img, g); err != nil || !slices.Equal(after.Tokens, before.Tokens) {
			t.Errorf("%s: said %v before it was looked into, %v behind that (%v)", kind, before.Tokens, after.Tokens, err)
		}
		if len(in.Layers) != c.layers || c.latents > 0 && in.Queries != c.latents {
			t.Errorf("%s: %d layers of %d latents", kind, len(in.Layers), in.Queries)
		}
		for _, l := range in.Layers {
			for _, w := range l.Weights {
				var sum float64
				for _, v := range w {
					sum += float64(v)
				}
				if len(w) != in.Grid[0]*in.Grid[1]+len(in.Extra) || math.Abs(sum-1) > 1e-5 {
					t.Errorf("%s: %s: %d weights for %v and %q, their sum is %g", kind, l.Path, len(w), in.Grid, in.Extra, sum)
				}
			}
		}
		f, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		stored, ok := f.Lookup(c.gates)
		alpha, err := stored.Float32()
		if err != nil || !ok || len(in.Gates) == 0 {
			t.Fatal(kind, len(in.Gates), ok, err)
		}
		if got, want := in.Gates[0].Attention.Mean, meanTanh(alpha); math.Abs(got-want) > 1e-6 || in.Gates[0].Layer != c.at {
			t.Errorf("%s: the gate before layer %d lets %g through, want %g", kind, in.Gates[0].Layer, got, want)
		}
		page, err := m.InspectPage(t.Context(), []Part{{Text: "a b"}, {Image: &img}, {Text: "cat"}, {Image: &img}, {Text: "dog"}})
		if err != nil {
			t.Fatal(err)
		}
		seen := []int{}
		for _, token := range page.Tokens {
			if n := len(seen); n == 0 || seen[n-1] != token.Picture {
				seen = append(seen, token.Picture)
			}
		}
		if !slices.Equal(seen, []int{-1, 0, 1}) || len(page.Pictures) != 2 {
			t.Errorf("%s: tokens look at %v, of %d pictures", kind, seen, len(page.Pictures))
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		m.Close()
	}
}

func meanTanh(x []float32) float64 {
	var mean float64
	for _, v := range x {
		mean += math.Tanh(float64(v)) / float64(len(x))
	}
	return mean
}
