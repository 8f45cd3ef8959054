package model

import (
	"slices"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

// TestWholePictures: CLIP's summary of a picture is its own, the class token normed, where its checkpoint has the norm, and else the mean of its
// patches.
func TestWholePictures(t *testing.T) {
	f, err := weights.Open("flamingo/testdata/openflamingo-mpt/vision")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	config, err := Dir("flamingo/testdata/openflamingo-mpt/vision").ReadFile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePart(config, CLIP)
	if err != nil {
		t.Fatal(err)
	}
	bare := weights.Memory{}
	for _, name := range f.Names() {
		if w, ok := f.Lookup(name); ok && name != "vision_model.post_layernorm.weight" && name != "vision_model.post_layernorm.bias" {
			bare[name] = w
		}
	}
	for name, c := range map[string]struct {
		src    weights.Source
		pooled int
	}{"whole": {f, 12}, "without the norm": {bare, 0}} {
		b := nn.NewBuilder(c.src, nn.BuilderOptions{})
		encoder, err := BindVision(b.Sub(VisionModule), p)
		if err != nil || b.Err() != nil {
			t.Fatal(err, b.Err())
		}
		pixels := make([]float32, 3*14*14)
		for i := range pixels {
			pixels[i] = float32(i%5) / 3
		}
		run := tensor.NewRun(tensor.Options{})
		seen := encoder.Encode(run, tensor.FromFloats(pixels, 1, 3, 14, 14))
		mean := run.MeanAxis(seen.Tokens, 1).Data()
		if s := encoder.Shape(); s.Pooled != c.pooled || s.WholeWidth() != 12 || slices.Equal(seen.Whole(run).Data(), mean) != (c.pooled == 0) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
