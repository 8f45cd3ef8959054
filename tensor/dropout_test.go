package tensor

import (
	"math"
	"slices"
	"testing"

	"dragoman/kernel"
)

func TestDropout(t *testing.T) {
	r := NewRun(Options{Grad: true, Train: true, Seed: 3})
	x := FromFloats(make([]float32, 100_003), 100_003)
	for i := range x.data {
		x.data[i] = 1
	}
	x.SetTrainable(true)
	y := r.Dropout(x, 0.3)
	dropped := 0
	for _, v := range y.Data() {
		switch v {
		case 0:
			dropped++
		case 1 / (1 - float32(0.3)):
		default:
			t.Fatalf("an element became %v", v)
		}
	}
	if share := float64(dropped) / float64(x.Len()); math.Abs(share-0.3) > 0.005 {
		t.Errorf("%g of the elements are dropped, want 0.3", share)
	}
	values := slices.Clone(y.Data())
	r.Backward(r.SumAll(y), 1)
	if !sameBits(x.Grad(), values) {
		t.Error("the backward drops other elements than the forward")
	}
	again := r.Dropout(x, 0.3)
	if sameBits(again.Data(), values) {
		t.Error("two draws are equal")
	}
	r.SetSeed(3)
	if again = r.Dropout(x, 0.3); !sameBits(again.Data(), values) {
		t.Error("the same seed draws otherwise")
	}
	if plain := NewRun(Options{Grad: true}); plain.Dropout(x, 0.3) != x {
		t.Error("dropout outside training")
	}
}

// TestFusedOperationsAreTheirParts compares the operations that keep less with those that they stand for.
func TestFusedOperationsAreTheirParts(t *testing.T) {
	for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
		c := load(t, "add_layer_norm")
		f := load(t, "feed_forward")
		run := func(g func(r *Run) *Tensor) (out []float32, grads [][]float32) {
			r := NewRun(Options{Compute: compute, Grad: true, Train: true, Seed: 9})
			y := g(r)
			r.Backward(r.SumAll(r.Mul(y, y)), 1)
			for _, x := range append(slices.Clone(c.in), f.in...) {
				grads = append(grads, slices.Clone(x.Grad()))
				x.ZeroGrad()
			}
			return slices.Clone(y.Data()), grads
		}
		same := func(what string, fused, parts func(r *Run) *Tensor) {
			y1, g1 := run(fused)
			y2, g2 := run(parts)
			if !sameBits(y1, y2) {
				t.Errorf("%s, %v: the results differ", what, compute)
			}
			for i := range g1 {
				compare(t, what, g1[i], g2[i], 1e-6)
			}
		}
		for _, in := range c.in {
			in.ZeroGrad()
		}
		same("dropout, add, layer norm",
			func(r *Run) *Tensor { return r.DropoutAddLayerNorm(c.in[0], 0.4, c.in[1], c.in[2], c.in[3], 1e-5) },
			func(r *Run) *Tensor { return r.AddLayerNorm(r.Dropout(c.in[0], 0.4), c.in[1], c.in[2], c.in[3], 1e-5) })
		same("feed-forward",
			func(r *Run) *Tensor { return r.FeedForward(f.in[0], f.in[1], f.in[2], kernel.GELU, f.in[3], f.in[4]) },
			func(r *Run) *Tensor {
				return r.Linear(r.Linear(f.in[0], f.in[1], f.in[2], kernel.GELU), f.in[3], f.in[4], kernel.NoAct)
			})
	}
}

// TestAttentionDropout compares attention under dropout with the same weights, dropped by hand, and its gradients with
// finite differences.
func TestAttentionDropout(t *testing.T) {
	c := load(t, "attention_segments")
	attend := func(r *Run) *Tensor {
		r.SetSeed(4)
		a := c.attention(2)
		a.KV[0].Index, a.Causal, a.CausalFrom, a.Dropout = c.ints("index"), true, 3, 0.3
		return r.Attention(a)
	}
	dout := c.floats("dout")
	again := NewRun(Options{Engine: kernel.Engines()[0], Train: true})
	loss := func() (l float64) {
		r := again
		r.Reset()
		for i, v := range attend(r).Data() {
			l += float64(v) * float64(dout[i])
		}
		return l
	}
	r := NewRun(Options{Engine: kernel.Engines()[0], Grad: true, Train: true})
	out := attend(r)
	plain := NewRun(Options{Engine: kernel.Engines()[0]})
	if sameBits(out.Data(), attend(plain).Data()) {
		t.Error("nothing is dropped")
	}
	r.Backward(r.SumAll(r.Mul(out, FromFloats(dout, out.Shape()...))), 1)
	for k, in := range c.in {
		for i, g := range in.Grad() {
			old := in.data[i]
			in.data[i] = old + 1e-2
			high := loss()
			in.data[i] = old - 1e-2
			low := loss()
			in.data[i] = old
			if near := (high - low) / 2e-2; math.Abs(near-float64(g)) > 5e-3*max(1, math.Abs(near)) {
				t.Errorf("input %d, element %d: gradient %g, by differences %g", k, i, g, near)
			}
		}
	}
}

// TestAttentionDropoutIsUnbiased averages many draws, which must come near what is there without dropout.
func TestAttentionDropoutIsUnbiased(t *testing.T) {
	c := load(t, "attention")
	want := slices.Clone(NewRun(Options{}).Attention(c.attention(3)).Data())
	r := NewRun(Options{Train: true})
	sum := make([]float32, len(want))
	const draws = 2000
	for range draws {
		r.Reset()
		a := c.attention(3)
		a.Dropout = 0.2
		for i, v := range r.Attention(a).Data() {
			sum[i] += v / draws
		}
	}
	compare(t, "mean of many draws", sum, want, 0.05)
}
