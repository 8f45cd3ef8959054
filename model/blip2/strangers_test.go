package blip2

import (
	"math/rand/v2"
	"slices"
	"testing"

	"dragoman/tensor"
)

// TestStrangers: matching's wrong texts are drawn from all captions, none is said of the picture, and the nearest come most often.
func TestStrangers(t *testing.T) {
	m := tinyModel(t)
	texts := []string{"a red circle", "a blue bar", "a green bar", "a circle"}
	run := tensor.NewRun(tensor.Options{})
	shared := m.Config.Shared
	bank := &Bank{Texts: tensor.FromFloats(m.EmbedTexts(run, texts), len(texts), shared)}
	for i := range texts {
		bank.IDs = append(bank.IDs, []int32{int32(i), int32(i)}) // as tokens, their numbers
	}
	seen := m.SeeFeatures(run, tinyFeatures(m, 2))
	p := Pairs{View: seen.View, Captions: []int32{0, 3}, Fits: [][]int32{{0}, {1, 3}}, Rand: rand.New(rand.NewPCG(1, 2)), Bank: bank}
	cosines := append([]float32(nil), Cosines(run, m.Bridge.EmbedImages(run, seen.Answer, seen.Picture), bank.Texts).Data()...)
	counts := make([]int, len(texts))
	for range 300 {
		drawn := m.Bridge.drawStrangers(run, seen.Answer, p, 2)
		for i, own := range p.Fits {
			if got := drawn.IDs[i*drawn.Len]; slices.Contains(own, got) {
				t.Fatalf("picture %d got a caption of its own, %d", i, got)
			} else if i == 0 {
				counts[got]++
			}
		}
	}
	near, far := 1, 1
	for j := 2; j < len(texts); j++ {
		if cosines[j] > cosines[near] {
			near = j
		}
		if cosines[j] < cosines[far] {
			far = j
		}
	}
	if counts[near] <= counts[far] {
		t.Errorf("drawn %v times by cosines %v", counts, cosines[:len(texts)])
	}
}
