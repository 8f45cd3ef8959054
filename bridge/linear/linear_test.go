package linear

import (
	"math"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
)

// TestHeadByHand computes the head's map in float64 beside it.
func TestHeadByHand(t *testing.T) {
	const in, hidden, landmarks, axes, out = 3, 4, 2, 2, 2
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 3}).Trainable(true)
	h := New(b, Size{In: in, Out: out, Hidden: hidden, Landmarks: landmarks, Axes: axes})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	copy(h.Mean.Data(), []float32{0.5, -1, 2})
	l := h.Landmarks
	copy(l.Axes.Data(), []float32{1, 0, -1, 0.5, 2, 0})
	copy(l.Points.Data(), []float32{0, 3, 1, 1})
	copy(l.Values.Data(), []float32{1, -2, 0.5, 3})
	l.Rate.Data()[0] = 0.2
	l.Settle()
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
	near := make([]float64, landmarks)
	for j := range near {
		var d float64
		for a := range axes {
			z := -float64(l.Points.Data()[j*axes+a])
			for i, v := range centred {
				z += float64(l.Axes.Data()[a*in+i]) * v
			}
			d += z * z
		}
		near[j] = math.Exp(-0.2 * d)
	}
	for i := range got {
		kernel := float64(l.Values.Data()[2*i])*near[0] + float64(l.Values.Data()[2*i+1])*near[1]
		if want := straight[i] + share*beside[i] + kernel; math.Abs(float64(got[i])-want) > 1e-5 {
			t.Errorf("output %d is %v, by hand %v", i, got[i], want)
		}
	}
	for _, p := range b.Params() {
		if p == h.Mean || p == l.Axes || p == l.Points || p == l.Rate {
			t.Errorf("%s learns", p.Name())
		}
	}
	if h.In() != in || h.Out() != out {
		t.Errorf("widths %d and %d", h.In(), h.Out())
	}
}
