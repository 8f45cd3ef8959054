package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// attentionCase is a shape of attention; what it asks for is made by build.
type attentionCase struct {
	name          string
	batch, tq     int
	heads, kv, d  int
	lens          []int   // of the segments
	index         []int32 // of every segment; nil: none
	dtype         DType   // of keys and values
	causal        bool
	from, offset  int
	keyMask, mask bool
	shared, bias  bool
	byDistance    bool    // of the bias
	scale         float32 // 0: 1/√d
	pitch         int     // room for so many more keys in each row of the last segment
	emptyRow      bool    // one query sees nothing
	probs         bool
}

var attentionCases = []attentionCase{
	{name: "one", batch: 1, tq: 1, heads: 1, kv: 1, d: 1, lens: []int{1}},
	{name: "odd", batch: 2, tq: 3, heads: 3, kv: 3, d: 5, lens: []int{7}},
	{name: "self", batch: 2, tq: 33, heads: 2, kv: 2, d: 24, lens: []int{33}, probs: true},
	{name: "vit", batch: 1, tq: 257, heads: 2, kv: 2, d: 88, lens: []int{257}},
	{name: "cross", batch: 5, tq: 32, heads: 3, kv: 3, d: 64, lens: []int{65}, index: []int32{0, 1, 1, 0, 1}},
	{name: "text after queries", batch: 2, tq: 13, heads: 2, kv: 2, d: 16, lens: []int{9, 13}, causal: true, from: 9, keyMask: true, probs: true},
	{name: "shared picture and own text", batch: 3, tq: 6, heads: 4, kv: 2, d: 32, lens: []int{5, 6}, index: []int32{1, 0, 1}, keyMask: true},
	{name: "prefill", batch: 1, tq: 150, heads: 6, kv: 2, d: 64, lens: []int{150}, causal: true},
	{name: "prefill on a cache", batch: 1, tq: 40, heads: 3, kv: 1, d: 64, lens: []int{130}, causal: true, offset: 90, dtype: BF16, pitch: 7},
	{name: "decode", batch: 2, tq: 1, heads: 9, kv: 3, d: 64, lens: []int{301}, dtype: BF16, pitch: 3, causal: true, offset: 300},
	{name: "decode f16", batch: 1, tq: 2, heads: 2, kv: 1, d: 80, lens: []int{31, 6}, dtype: F16, keyMask: true, probs: true},
	{name: "decode odd", batch: 1, tq: 1, heads: 2, kv: 2, d: 20, lens: []int{45}, dtype: BF16},
	{name: "masks", batch: 2, tq: 35, heads: 2, kv: 1, d: 40, lens: []int{70}, keyMask: true, mask: true, bias: true, emptyRow: true, probs: true},
	{name: "bias by distance", batch: 2, tq: 40, heads: 3, kv: 3, d: 24, lens: []int{71}, keyMask: true, bias: true, byDistance: true, probs: true},
	{name: "decode, bias by distance", batch: 2, tq: 1, heads: 2, kv: 2, d: 64, lens: []int{45}, dtype: BF16, pitch: 3, bias: true, byDistance: true},
	{name: "shared mask", batch: 3, tq: 20, heads: 2, kv: 2, d: 8, lens: []int{33}, mask: true, shared: true, emptyRow: true},
	{name: "negative scale", batch: 1, tq: 17, heads: 1, kv: 1, d: 16, lens: []int{50}, scale: -0.3},
	{name: "nothing seen", batch: 1, tq: 20, heads: 1, kv: 1, d: 16, lens: []int{20}, causal: true, offset: -40},
	{name: "no keys", batch: 1, tq: 20, heads: 1, kv: 1, d: 16, lens: []int{0}},
	{name: "long", batch: 1, tq: 70, heads: 1, kv: 1, d: 32, lens: []int{1500}},
}

func (c attentionCase) build(compute DType) *Attention {
	r := rand.New(rand.NewPCG(1, uint64(c.d)))
	keys := 0
	for _, n := range c.lens {
		keys += n
	}
	width, kvWidth := c.heads*c.d+3, c.kv*c.d
	a := &Attention{
		Batch: c.batch, Tq: c.tq, Heads: c.heads, KVHeads: c.kv, D: c.d, QStride: width, OutStride: width + 2, Scale: c.scale,
		Causal: c.causal, CausalFrom: c.from, CausalOffset: c.offset, Compute: compute,
	}
	if a.Scale == 0 {
		a.Scale = float32(1 / math.Sqrt(float64(c.d)))
	}
	a.Q = newGuarded(c.batch*c.tq*width, 1).of(normal(r, 1.5)).x
	a.Out = newGuarded(c.batch*c.tq*(width+2), 2).x
	a.LSE = newGuarded(c.batch*c.heads*c.tq, 3).x
	if c.probs {
		a.Probs = newGuarded(c.batch*c.heads*c.tq*keys, 3).x
	}
	rows := c.batch
	for _, i := range c.index {
		rows = max(rows, int(i)+1)
	}
	for _, n := range c.lens {
		pitch := n + c.pitch
		k, _ := storedMat(r, c.dtype, rows*pitch, kvWidth, 0, 4)
		v, _ := storedMat(r, c.dtype, rows*pitch, kvWidth, 2, 0)
		a.Segments = append(a.Segments, Segment{K: k, V: v, Len: n, Pitch: pitch, Index: c.index})
	}
	bits := func(n int) []uint8 {
		m := make([]uint8, n)
		for i := range m {
			m[i] = uint8(min(r.IntN(4), 2))
		}
		return m
	}
	if c.keyMask {
		a.KeyMask = bits(c.batch * keys)
	}
	if c.mask {
		a.MaskShared = c.shared
		a.Mask = bits(a.masks() * c.tq * keys)
		if c.emptyRow {
			clear(a.Mask[2*keys : 3*keys])
		}
	}
	if c.bias {
		a.BiasByDistance = c.byDistance
		a.Bias = newGuarded(c.heads*a.biasLen(keys), 0).of(normal(r, 1)).x
	}
	return a
}

func tolerance(compute DType) float64 {
	if compute == F32 {
		return 4e-6
	}
	return 3e-2
}

func TestAttentionMatchesGeneric(t *testing.T) {
	for _, c := range attentionCases {
		for _, compute := range []DType{F32, BF16} {
			want := c.build(compute)
			(&Engine{}).Attention(team(1), want)
			for _, e := range Engines()[1:] {
				t.Run(fmt.Sprintf("%s/%v/%v", c.name, compute, e.Family()), func(t *testing.T) {
					got := c.build(compute)
					e.Attention(team(2), got)
					compare(t, "out", got.Out, want.Out, tolerance(compute))
					compare(t, "log-sum-exp", got.LSE, want.LSE, tolerance(compute))
					compare(t, "weights", got.Probs, want.Probs, tolerance(compute))
				})
			}
		}
	}
}

// TestHiddenKeysLeaveBits puts hidden keys behind those that are there: texts of other lengths beside it change no bit of one.
func TestHiddenKeysLeaveBits(t *testing.T) {
	for _, c := range []attentionCase{
		{name: "few", batch: 1, tq: 1, heads: 4, kv: 2, d: 80, lens: []int{45}},
		{name: "odd heads", batch: 1, tq: 1, heads: 4, kv: 2, d: 8, lens: []int{5}},
		{name: "many heads", batch: 1, tq: 1, heads: 12, kv: 1, d: 80, lens: []int{45}},
		{name: "prompt", batch: 1, tq: 30, heads: 2, kv: 2, d: 24, lens: []int{30}, causal: true},
	} {
		for _, compute := range []DType{F32, BF16} {
			for _, e := range Engines() {
				t.Run(fmt.Sprintf("%s/%v/%v", c.name, compute, e.Family()), func(t *testing.T) {
					alone := c.build(compute)
					hidden := c.build(compute)
					seg := &hidden.Segments[0]
					length := seg.Len
					seg.Len += 50
					seg.Pitch = seg.Len
					for _, m := range []*Mat{&seg.K, &seg.V} {
						m.Rows = seg.Len
						m.Data = append(slices.Clone(m.Data), make([]byte, seg.Len*m.Stride)...)
					}
					hidden.KeyMask = make([]uint8, seg.Len)
					for i := range length {
						hidden.KeyMask[i] = 1
					}
					e.Attention(team(1), alone)
					e.Attention(team(1), hidden)
					if !slices.Equal(hidden.Out, alone.Out) {
						t.Error("the result is another")
					}
				})
			}
		}
	}
}

func compare(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	for i := range want {
		if !near(got[i], want[i], tol) {
			t.Fatalf("%s: element %d of %d is %g, want %g", what, i, len(want), got[i], want[i])
		}
	}
}

// TestBiasByDistance spells a bias out for each pair of query and key: the result is the same.
func TestBiasByDistance(t *testing.T) {
	c := attentionCase{batch: 2, tq: 19, heads: 3, kv: 3, d: 16, lens: []int{33}, bias: true, byDistance: true}
	for _, e := range Engines() {
		a, b := c.build(F32), c.build(F32)
		b.BiasByDistance, b.Bias = false, nil
		for h := range c.heads {
			for i := range c.tq {
				for j := range 33 {
					b.Bias = append(b.Bias, a.Bias[h*(c.tq+32)+j-i+c.tq-1])
				}
			}
		}
		e.Attention(team(1), a)
		e.Attention(team(1), b)
		compare(t, e.Family().String(), a.Out, b.Out, 0)
	}
}

// gradients makes the backward of a forward that has been computed.
func (c attentionCase) gradients(a *Attention) *AttentionGrad {
	r := rand.New(rand.NewPCG(2, uint64(c.d)))
	g := &AttentionGrad{Attention: *a}
	g.DOut = newGuarded(len(a.Out), 1).of(normal(r, 1)).x
	g.DQ = newGuarded(len(a.Q), 2).of(normal(r, 1)).x
	for i := range a.Segments {
		rows, cols := a.Segments[i].K.Rows, a.Segments[i].K.Cols
		g.DK = append(g.DK, GradRows{Data: newGuarded(rows*(cols+1), 3).of(normal(r, 1)).x, Stride: cols + 1})
		g.DV = append(g.DV, GradRows{Data: newGuarded(rows*(cols+2), 4).of(normal(r, 1)).x, Stride: cols + 2})
	}
	return g
}

func TestAttentionBackwardMatchesGeneric(t *testing.T) {
	for _, c := range attentionCases {
		for _, compute := range []DType{F32, BF16} {
			a := c.build(compute)
			(&Engine{}).Attention(team(1), a)
			want := c.gradients(a)
			(&Engine{}).AttentionBackward(team(1), want)
			for _, e := range Engines()[1:] {
				t.Run(fmt.Sprintf("%s/%v/%v", c.name, compute, e.Family()), func(t *testing.T) {
					got := c.gradients(a)
					e.AttentionBackward(team(2), got)
					tol := 2 * tolerance(compute) * math.Sqrt(float64(len(c.index)+1))
					compare(t, "dq", got.DQ, want.DQ, tol)
					for i := range got.DK {
						compare(t, "dk", got.DK[i].Data, want.DK[i].Data, tol)
						compare(t, "dv", got.DV[i].Data, want.DV[i].Data, tol)
					}
				})
			}
		}
	}
}

// The gradients of the generic loop by central differences, where keys are shared and masked.
func TestAttentionGradients(t *testing.T) {
	c := attentionCase{
		batch: 3, tq: 3, heads: 4, kv: 2, d: 4, lens: []int{3, 4}, index: []int32{1, 0, 1}, keyMask: true, mask: true, emptyRow: true, bias: true,
	}
	a := c.build(F32)
	e := &Engine{}
	e.Attention(team(1), a)
	g := c.gradients(a)
	clear(g.DQ)
	for i := range g.DK {
		clear(g.DK[i].Data)
		clear(g.DV[i].Data)
	}
	e.AttentionBackward(team(1), g)
	loss := func() float64 {
		e.Attention(team(1), a)
		var l float64
		for i := range c.batch * c.tq {
			for k := range c.heads * c.d {
				l += float64(a.Out[i*a.OutStride+k]) * float64(g.DOut[i*a.OutStride+k])
			}
		}
		return l
	}
	check := func(what string, x []float32, i int, slope float32) {
		t.Helper()
		const h = 1e-2
		was := x[i]
		x[i] = was + h
		up := loss()
		x[i] = was - h
		down := loss()
		x[i] = was
		if d := (up - down) / (2 * h); math.Abs(d-float64(slope)) > 2e-3 {
			t.Errorf("%s[%d]: %g, want %g", what, i, slope, d)
		}
	}
	for i := range c.batch * c.tq {
		for k := range c.heads * c.d {
			check("dq", a.Q, i*a.QStride+k, g.DQ[i*a.QStride+k])
		}
	}
	for n, s := range a.Segments {
		for what, m := range map[string]Mat{"dk": s.K, "dv": s.V} {
			grad := g.DK[n]
			if what == "dv" {
				grad = g.DV[n]
			}
			x, ok := Floats(m.Data[:len(m.Data)&^3])
			if !ok {
				// Work on an aligned copy that the segment then reads.
				copied := append([]byte(nil), m.Data...)
				x, _ = Floats(copied[:len(copied)&^3])
				a.Segments[n].V.Data = copied
			}
			for row := range m.Rows {
				for k := range m.Cols {
					check(fmt.Sprint(what, n), x, row*m.Stride/4+k, grad.Data[row*grad.Stride+k])
				}
			}
		}
	}
}

func TestAttentionIsTheSameForAnyWorkers(t *testing.T) {
	for _, c := range attentionCases {
		for _, e := range Engines()[1:] {
			var first *AttentionGrad
			for _, workers := range []int{1, 2, 3, 7} {
				a := c.build(BF16)
				e.Attention(team(workers), a)
				g := c.gradients(a)
				e.AttentionBackward(team(workers), g)
				if first == nil {
					first = g
					continue
				}
				same := func(what string, got, want []float32) {
					t.Helper()
					for i := range want {
						if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
							t.Fatalf("%s, %v: %s[%d] differs with %d workers: %g, %g", c.name, e.Family(), what, i, workers, got[i], want[i])
						}
					}
				}
				same("out", g.Out, first.Out)
				same("dq", g.DQ, first.DQ)
				for i := range g.DK {
					same("dk", g.DK[i].Data, first.DK[i].Data)
					same("dv", g.DV[i].Data, first.DV[i].Data)
				}
			}
		}
	}
}

func TestAttentionDoesNotAllocate(t *testing.T) {
	for _, c := range attentionCases {
		a := c.build(BF16)
		g := c.gradients(a)
		for _, e := range Engines()[1:] {
			e.Attention(team(1), a)
			if n := testing.AllocsPerRun(5, func() { e.Attention(team(1), a) }); n > 1 {
				t.Errorf("%s, %v: %g allocations forward", c.name, e.Family(), n)
			}
			if n := testing.AllocsPerRun(5, func() { e.AttentionBackward(team(1), g) }); n > 1 {
				t.Errorf("%s, %v: %g allocations backward", c.name, e.Family(), n)
			}
		}
	}
}
