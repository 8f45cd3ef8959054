package tensor

import (
	"math"
	"testing"

	"dragoman/kernel"
)

// TestGradientsByFiniteDifferences moves every input of every case a little and compares the change of Σ out·dout with the
// gradient.
func TestGradientsByFiniteDifferences(t *testing.T) {
	if raceEnabled {
		t.Skip("arithmetic has no races")
	}
	generic := kernel.Engines()[0]
	r := NewRun(Options{Engine: generic, Grad: true})
	plain := NewRun(Options{Engine: generic})
	for _, oc := range opCases() {
		t.Run(oc.name, func(t *testing.T) {
			c := load(t, oc.name)
			c.forward(r, oc.f)
			r.Reset()
			loss := func() float64 {
				defer plain.Reset()
				_, l := c.forward(plain, oc.f)
				return l
			}
			difference := func(x []float32, i int, step float32) float64 {
				old := x[i]
				x[i] = old + step
				up, high := x[i], loss()
				x[i] = old - step
				down, low := x[i], loss()
				x[i] = old
				return (high - low) / (float64(up) - float64(down))
			}
			total, kinks := 0, 0
			for k, in := range c.in {
				scale := 0.0
				for _, g := range in.Grad() {
					scale = max(scale, math.Abs(float64(g)))
				}
				for i, g := range in.Grad() {
					total++
					wide, near := difference(in.data, i, 8e-3), difference(in.data, i, 4e-3)
					if math.Abs(wide-near) > 0.01*max(scale, 0.1) {
						kinks++ // relu's corner or another maximum lies between the two
						continue
					}
					if d := math.Abs(near - float64(g)); !(d <= 0.01*max(scale, 0.1)) {
						t.Errorf("input %d, element %d: gradient %g, by differences %g", k, i, g, near)
					}
				}
			}
			if kinks*10 > total {
				t.Errorf("%d of %d elements could not be compared", kinks, total)
			}
		})
	}
}

// network is two blocks of what a Q-Former is made of, large enough that work is split.
type network struct {
	params                  []*Tensor
	latent, features, words *Tensor
	ids, targets            []int32
	image                   []int32
	blocks                  int
}

func newNetwork(blocks int) *network {
	n := &network{blocks: blocks}
	seed := uint64(0)
	values := func(count int, scale float32) []float32 {
		x := make([]float32, count)
		for i := range x {
			seed++
			x[i] = (float32(mix(seed)>>40)/(1<<24) - 0.5) * 2 * scale
		}
		return x
	}
	param := func(shape ...int) *Tensor {
		p := NewParamOf("p", values(Count(shape), 1/float32(math.Sqrt(float64(shape[len(shape)-1])))), shape...)
		n.params = append(n.params, p)
		return p
	}
	n.latent, n.words = param(1, 16, 96), param(300, 96)
	n.features = FromFloats(values(3*50*72, 1), 3, 50, 72)
	for range blocks {
		for _, in := range []int{96, 96, 96, 96, 96, 72, 72, 96} {
			param(96, in)
			param(96)
		}
		param(256, 96)
		param(256)
		param(96, 256)
		param(96)
		param(96)
		param(96)
	}
	n.ids, n.targets = make([]int32, 5*12), make([]int32, 5*12)
	for i := range n.ids {
		n.ids[i], n.targets[i] = int32(mix(uint64(i))%300), int32(mix(uint64(i)+1)%301)-1
	}
	n.image = []int32{0, 2, 1, 1, 0}
	return n
}

// forward is a loss of five texts that read three pictures.
func (n *network) forward(r *Run) *Tensor {
	p := n.params[2:]
	next := func() *Tensor {
		t := p[0]
		p = p[1:]
		return t
	}
	linear := func(x *Tensor, act kernel.Act) *Tensor {
		w := next()
		return r.Linear(x, w, next(), act)
	}
	h := r.Concat(1, r.Expand(n.latent, 5), r.Embedding(n.words, n.ids, 5, 12))
	for range n.blocks {
		q, k, v := linear(h, kernel.NoAct), linear(h, kernel.NoAct), linear(h, kernel.NoAct)
		kv := r.KVs(KV{K: k, V: v})
		a := linear(r.Attention(AttentionArgs{Q: q, KV: kv, Heads: 4, Causal: true, CausalFrom: 16, Dropout: 0.1}), kernel.NoAct)
		a = r.Dropout(a, 0.1)
		queries, text := r.Slice(h, 1, 0, 16), r.Slice(h, 1, 16, 28)
		q = linear(queries, kernel.NoAct)
		cross := r.KVs(KV{K: linear(n.features, kernel.NoAct), V: linear(n.features, kernel.NoAct), Index: n.image})
		queries = r.Add(queries, linear(r.Attention(AttentionArgs{Q: q, KV: cross, Heads: 4}), kernel.NoAct))
		pair := [2]*Tensor{queries, text}
		h = r.Add(r.Concat(1, pair[:]...), a)
		w1, b1, w2, b2 := next(), next(), next(), next()
		h = r.DropoutAddLayerNorm(r.FeedForward(h, w1, b1, kernel.GELU, w2, b2), 0.1, h, next(), next(), 1e-5)
	}
	logits := r.Linear(r.Slice(h, 1, 16, 28), n.words, nil, kernel.NoAct)
	return r.CrossEntropy(logits, n.targets, 0.1)
}

// step is the loss, and in the parameters their gradients.
func (n *network) step(r *Run) float32 {
	r.Reset()
	for _, p := range n.params {
		p.ZeroGrad()
	}
	loss := n.forward(r)
	value := loss.Data()[0]
	r.Backward(loss, 1)
	return value
}
