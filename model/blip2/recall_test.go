package blip2

import (
	"math"
	"testing"

	"dragoman/bridge/linear"
	"dragoman/nn"
	"dragoman/tensor"
)

// TestRecall: what remembered pictures add to the odds, by hand. The picture is the second landmark's, which is a cat's.
func TestRecall(t *testing.T) {
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 1})
	h := linear.New(b, linear.Size{In: 1, Out: 2, Landmarks: 3, Axes: 1})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	l := h.Landmarks
	l.Axes.Data()[0], l.Rate.Data()[0] = 1, 0.5
	copy(l.Points.Data(), []float32{-2, 1, 4})
	l.Settle()
	m := &Model{Bridge: &Bridge{Head: h}}
	m.Config.Shared, m.Config.Extras.MatchMemory = 2, []float64{3, 2, 1}
	m.Remember([]string{"cat", "dog", "fish"}, make([]float32, 6), nil, nil)
	view := View{Summary: tensor.FromFloats([]float32{1, 3}, 2, 1)}
	run := tensor.NewRun(tensor.Options{})
	if r := m.Recall(run, view); r != nil || r.Odds(0, "cat") != 0 {
		t.Error("a model that does not know its landmarks' captions recalls something")
	}
	m.RememberLandmarks([]int32{0, 0, 1})
	r := m.Recall(run, view)
	for _, c := range []struct {
		picture int
		text    string
		want    float64
	}{
		{0, "cat", 3 - math.Log(2)},
		{0, "dog", 3 - 2*0.5*9},
		{1, "cat", 3 - 2*0.5*4 - math.Log(2)},
		{1, "dog", 3 - 2*0.5*1},
		{0, "fish", 0}, // never met
		{0, "a bird", 0},
	} {
		if got := r.Odds(c.picture, c.text); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("picture %d, %q: %v, by hand %v", c.picture, c.text, got, c.want)
		}
	}
}
