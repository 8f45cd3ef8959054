package bench

import (
	"testing"

	"dragoman/model/flamingo"
)

// TestLessons: what a step on a bridge of mini-flamingo's shape learns from and takes, counted by hand: 16 pages of 32 tokens, 28 of which are predicted.
func TestLessons(t *testing.T) {
	m, err := flamingo.Assemble(flamingo.Shape{
		Features:  []string{"tokens", "pooled"},
		Resampler: flamingo.ResamplerShape{Width: 384, Latents: 16, Layers: 2, Heads: 6, Act: "squared_relu"},
		Gated:     flamingo.GatedShape{Every: 6, First: true, Act: "squared_relu"},
	}, flamingo.Parts{Vision: "../mini/efficientnet-lite0-57934424.pth", Language: "../mini/SmolLM2-135M-Instruct.Q4_1.gguf"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	learnt, pictures := 0, map[int]bool{}
	for _, l := range randomLessons(m) {
		if len(l.IDs) != 32 || len(l.Learn) != 32 || len(l.Sees) != 32 {
			t.Fatalf("a page of %d tokens, %d, %d", len(l.IDs), len(l.Learn), len(l.Sees))
		}
		for i, on := range l.Learn {
			if on {
				learnt++
			}
			if want := int32(i/8 + 1); l.Sees[i] != want {
				t.Errorf("token %d sees picture %d, want %d", i, l.Sees[i], want)
			}
		}
		for _, p := range l.Pictures {
			pictures[p] = true
		}
	}
	if learnt != 16*28 || len(pictures) != 64 {
		t.Errorf("%d tokens are predicted, %d pictures seen", learnt, len(pictures))
	}
	const (
		block     = 576*(576+2*192) + 576*576 + 3*576*1536
		frozen    = 2*30*block*512 + 2*(49152+2)*576*448
		attention = 4 * 30 * 576 * 16 * 32 * 33 / 2
		gated     = 5 * (2*64*16*384*1024 + 4*512*16*512 + 2*512*(2*576*512+2*576*2304))
		layer     = 2*(50+16)*384*2*384 + 2*16*384*2*384 + 4*16*(50+16)*384 + 2*16*384*2*1536
		projected = 2 * 64 * (49*320 + 1280) * 384
	)
	if got, want := lessonFlops(m), float64(2*frozen+3*(attention+gated+64*2*layer)+2*projected); got != want {
		t.Errorf("a step takes %g, want %g", got, want)
	}
}
