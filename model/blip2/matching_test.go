package blip2

import (
	"math"
	"testing"

	"dragoman/bridge/linear"
	"dragoman/bridge/qformer"
	"dragoman/nn"
	"dragoman/tensor"
)

// TestOdds: what a picture and a text are to each other, by hand. The landmarks, on a line, are two cats and a dog.
func TestOdds(t *testing.T) {
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 1})
	h := linear.New(b, linear.Size{In: 1, Out: 2, Landmarks: 3, Axes: 1})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	l := h.Landmarks
	l.Axes.Data()[0], l.Rate.Data()[0] = 1, 0.5
	copy(l.Points.Data(), []float32{-2, 1, 4})
	l.Settle()
	m := &Model{Bridge: &Bridge{Head: h, Heads: qformer.Heads{Vision: &qformer.Projection{}, Text: &qformer.Projection{}}}}
	m.Config.Shared = 2
	m.Config.Extras.Matching = &Matching{Bias: 0.5, Cosine: 2, Others: 1, Crowd: 0.25, Met: 3, Far: 2, Count: 1}
	m.Remember([]string{"cat", "dog", "fish"}, []float32{1, 0, 0, 1, 0.6, 0.8}, nil, nil)
	if m.Weighs() {
		t.Error("a model that does not know its landmarks' captions weighs")
	}
	m.RememberLandmarks([]int32{0, 0, 1})
	if !m.Weighs() {
		t.Fatal("the model does not weigh")
	}
	run := tensor.NewRun(tensor.Options{})
	texts := []string{"dog", "cat", "fish", "a bird"} // the last two were never met
	vectors := tensor.FromFloats([]float32{0, 1, 1, 0, 0.6, 0.8, 0.8, -0.6}, 4, 2)
	summary := tensor.FromFloats([]float32{1, 3}, 2, 1)
	images := tensor.FromFloats([]float32{0.8, 0.6, -1, 0}, 2, 1, 2)
	got := m.Odds(run, summary, images, m.Compare(run, texts, vectors))
	c := func(cosine float64) float64 { return cosine / defaultTemperature }
	both := func(a, b float64) float64 { return math.Log(math.Exp(c(a)) + math.Exp(c(b))) }
	first, second := both(0.8, 0.6), both(-1, 0) // among cat and dog
	cat, dog := 3-math.Log(2), 3.0
	want := []float64{
		0.5 + 2*c(0.6) - first - 0.25*c(0) + dog - 2*0.5*9,
		0.5 + 2*c(0.8) - first - 0.25*c(0) + cat,
		0.5 + 2*c(0.96) - first - 0.25*c(0.6),
		0.5 + 2*c(0.28) - first - 0.25*c(-0.6),
		0.5 + 2*c(0) - second - 0.25*c(0) + dog - 2*0.5*1,
		0.5 + 2*c(-1) - second - 0.25*c(0) + cat - 2*0.5*4,
		0.5 + 2*c(-0.6) - second - 0.25*c(0.6),
		0.5 + 2*c(-0.8) - second - 0.25*c(-0.6),
	}
	for i, w := range want {
		if math.Abs(got[i]-w) > 1e-3 {
			t.Errorf("picture %d, %q: %v, by hand %v", i/4, texts[i%4], got[i], w)
		}
	}
}

// TestCrowdedAlone: a text beside which nothing was met is crowded by nothing.
func TestCrowdedAlone(t *testing.T) {
	if got := CrowdedText([]float32{0.5, 0.9}, 0.07, []int32{1, 0}); got != 0 {
		t.Errorf("crowded by %v", got)
	}
}
