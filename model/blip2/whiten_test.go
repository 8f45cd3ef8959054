package blip2

import (
	"math"
	"testing"

	"dragoman/tensor"
)

// TestWhitenTexts: afterwards texts differ from one another in all directions alike, and from nothing on average.
func TestWhitenTexts(t *testing.T) {
	m := tinyModel(t, func(c *Config) { c.Shared = c.QFormer.Width })
	texts := []string{"a red circle", "a blue bar", "a green bar", "a bar", "a circle", "red", "blue circle", "a red bar"}
	before := meanCosine(m, texts)
	if err := m.WhitenTexts(texts, 0.5); err != nil {
		t.Fatal(err)
	}
	if after := meanCosine(m, texts); before < 0.3 || math.Abs(after) > 0.3*before {
		t.Errorf("texts are alike by %v before and %v after", before, after)
	}
	narrow := tinyModel(t)
	if err := narrow.WhitenTexts(texts, 0.5); err == nil {
		t.Error("a projection that is not square was whitened")
	}
}

// meanCosine is how alike different texts are on average.
func meanCosine(m *Model, texts []string) float64 {
	x := m.EmbedTexts(tensor.NewRun(tensor.Options{}), texts)
	width := m.Config.Shared
	var sum float64
	for i := range texts {
		for j := range texts {
			if i != j {
				for d := range width {
					sum += float64(x[i*width+d]) * float64(x[j*width+d])
				}
			}
		}
	}
	return sum / float64(len(texts)*(len(texts)-1))
}
