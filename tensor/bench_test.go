package tensor

import (
	"fmt"
	"math"
	"testing"

	"dragoman/kernel"
)

// layerSizes are those of a Q-Former's layer that looks at the picture, and of its batch in the first stage of training.
type layerSizes struct {
	batch, queries, text, tokens, width, features int
}

// layer is such a layer on random values.
type layer struct {
	layerSizes
	weights, biases, norms []*Tensor
	x, features            *Tensor
}

func newLayer(s layerSizes) *layer {
	l := &layer{layerSizes: s}
	seed := uint64(1)
	values := func(count int, scale float64) []float32 {
		x := make([]float32, count)
		for i := range x {
			seed++
			x[i] = (float32(mix(seed)>>40)/(1<<24) - 0.5) * float32(2*scale)
		}
		return x
	}
	w := s.width
	for _, shape := range [][2]int{
		{w, w}, {w, w}, {w, w}, {w, w}, {w, w}, {w, s.features}, {w, s.features}, {w, w}, // self, then cross attention
		{4 * w, w}, {w, 4 * w}, {4 * w, w}, {w, 4 * w}, // feed-forward of queries, then text
	} {
		l.weights = append(l.weights, NewParamOf("w", values(shape[0]*shape[1], 1/math.Sqrt(float64(shape[1]))), shape[:]...))
		l.biases = append(l.biases, NewParam("b", shape[0]))
	}
	for range 8 {
		p := NewParam("norm", w)
		for i := range p.data {
			p.data[i] = 1
		}
		l.norms = append(l.norms, p)
	}
	l.x = FromFloats(values(s.batch*(s.queries+s.text)*w, 1), s.batch, s.queries+s.text, w)
	l.features = FromFloats(values(s.batch*s.tokens*s.features, 1), s.batch, s.tokens, s.features)
	return l
}

// flops is the useful work of a step: forward, and twice that backward (less what the inputs' gradients would be).
func (l *layer) flops() float64 {
	rows, w := float64(l.batch*(l.queries+l.text)), float64(l.width)
	queries := float64(l.batch * l.queries)
	pictures := float64(l.batch*l.tokens) * w * float64(l.layerSizes.features)
	products := rows*w*w*4 + queries*w*w*2 + rows*w*w*8
	attention := rows*float64(l.queries+l.text)*w*2 + queries*float64(l.tokens)*w*2
	return 2 * (3*products + 3*attention + 2*2*pictures)
}

func (l *layer) forward(r *Run) *Tensor {
	linear := func(i int, x *Tensor, act kernel.Act) *Tensor { return r.Linear(x, l.weights[i], l.biases[i], act) }
	norm := func(i int, x, residual *Tensor) *Tensor {
		return r.AddLayerNorm(x, residual, l.norms[2*i], l.norms[2*i+1], 1e-12)
	}
	ff := func(i int, x *Tensor) *Tensor {
		return r.FeedForward(x, l.weights[i], l.biases[i], kernel.GELU, l.weights[i+1], l.biases[i+1])
	}
	heads := l.width / 64
	var qkv [3]*Tensor
	r.Linears(qkv[:], l.x,
		Projection{W: l.weights[0], B: l.biases[0]}, Projection{W: l.weights[1], B: l.biases[1]}, Projection{W: l.weights[2], B: l.biases[2]})
	a := r.Attention(AttentionArgs{Q: qkv[0], KV: r.KVs(KV{K: qkv[1], V: qkv[2]}), Heads: heads})
	x := norm(0, linear(3, a, kernel.NoAct), l.x)
	queries := r.Slice(x, 1, 0, l.queries)
	var kv [2]*Tensor
	r.Linears(kv[:], l.features, Projection{W: l.weights[5], B: l.biases[5]}, Projection{W: l.weights[6], B: l.biases[6]})
	a = r.Attention(AttentionArgs{Q: linear(4, queries, kernel.NoAct), KV: r.KVs(KV{K: kv[0], V: kv[1]}), Heads: heads})
	queries = norm(1, linear(7, a, kernel.NoAct), queries)
	queries = norm(2, ff(8, queries), queries)
	if l.text == 0 {
		return r.SumAll(queries)
	}
	text := r.Slice(x, 1, l.queries, l.queries+l.text)
	text = norm(3, ff(10, text), text)
	return r.SumAll(r.Concat(1, queries, text))
}

func BenchmarkLayerStep(b *testing.B) {
	defer func(old bool) { poison = old }(poison)
	poison = false
	for _, s := range []layerSizes{
		{batch: 16, queries: 32, text: 32, tokens: 257, width: 768, features: 1408},
		{batch: 48, queries: 32, text: 32, tokens: 257, width: 768, features: 768},
		{batch: 64, queries: 32, text: 16, tokens: 64, width: 384, features: 352},
	} {
		l := newLayer(s)
		for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
			b.Run(fmt.Sprintf("batch%d/width%d/%v", s.batch, s.width, compute), func(b *testing.B) {
				r := NewRun(Options{Compute: compute, Grad: true})
				for b.Loop() {
					r.Reset()
					r.Backward(l.forward(r), 1)
				}
				b.ReportMetric(l.flops()*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
