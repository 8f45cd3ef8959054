package blip2

import (
	"path/filepath"
	"slices"
	"testing"

	"dragoman/tensor"
)

// TestNFNet puts a bridge behind timm's NFNet, which is found by the architecture that its config.json names, and opens what is saved of it.
func TestNFNet(t *testing.T) {
	encoder, err := filepath.Abs("../../vision/nfnet/testdata/tiny")
	if err != nil {
		t.Fatal(err)
	}
	tiny, err := filepath.Abs("../../recipes/tiny")
	if err != nil {
		t.Fatal(err)
	}
	c := oracleConfig()
	c.QFormer.Width, c.QFormer.Heads, c.QFormer.FeedForward, c.QFormer.Layers, c.Shared = 32, 2, 64, 2, 16
	c.Extras = Extras{Prompt: "a"}
	m, err := Assemble(c, Parts{Files: Dir(tiny), Vision: encoder, Language: "language", Text: "text", Seed: 2}, Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if s := m.Vision.Shape(); s.Grid != [2]int{2, 2} || s.Width != 40 || m.Config.QFormer.FeatureWidth != 40 {
		t.Errorf("shape %+v, the bridge reads a width of %d", s, m.Config.QFormer.FeatureWidth)
	}
	again := saved(t, m)
	p := m.Vision.Processor()
	pixels := tensor.FromFloats(make([]float32, p.Len()), 1, 3, p.Size[0], p.Size[1])
	run := tensor.NewRun(tensor.Options{})
	want := slices.Clone(m.Soft(run, m.See(run, pixels)).Data())
	if got := again.Soft(run, again.See(run, pixels)).Data(); !slices.Equal(got, want) {
		t.Error("what was saved gives another soft prompt")
	}
}
