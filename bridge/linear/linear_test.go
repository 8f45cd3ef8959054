package linear

import (
	"math"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
)

// TestHeadByHand computes the head's map in float64 beside it.
func TestHeadByHand(t *testing.T) {
	const in, hidden, out = 3, 4, 2
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 3}).Trainable(true)
	h := New(b, in, hidden, out)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	copy(h.Mean.Data(), []float32{0.5, -1, 2})
	x := []float32{1, 2, 3}
	run := tensor.NewRun(tensor.Options{})
	got := h.Forward(run, h.Centre(run, tensor.FromFloats(x, 1, in))).Data()
	times := func(w, b *tensor.Tensor, x []float64) []float64 {
		y := make([]float64, w.Dim(0))
		for i := range y {
			y[i] = float64(b.Data()[i])
			for j, v := range x {
				y[i] += float64(w.Data()[i*len(x)+j]) * v
			}
		}
		return y
	}
	centred := make([]float64, in)
	for i := range centred {
		centred[i] = float64(x[i] - h.Mean.Data()[i])
	}
	inner := times(h.fc1.weight, h.fc1.bias, centred)
	for i, v := range inner {
		inner[i] = v * 0.5 * (1 + math.Erf(v/math.Sqrt2))
	}
	straight, beside := times(h.Weight, h.Bias, centred), times(h.fc2.weight, h.fc2.bias, inner)
	for i := range got {
		if want := straight[i] + share*beside[i]; math.Abs(float64(got[i])-want) > 1e-5 {
			t.Errorf("output %d is %v, by hand %v", i, got[i], want)
		}
	}
	for _, p := range b.Params() {
		if p == h.Mean {
			t.Error("the mean learns")
		}
	}
	if h.In() != in || h.Out() != out {
		t.Errorf("widths %d and %d", h.In(), h.Out())
	}
}
