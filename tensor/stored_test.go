package tensor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
)

// stored is a frozen weight of random values as a file would have it, at an odd address, and the same values as float32.
func stored(d kernel.DType, seed uint64, shape ...int) (w, plain *Tensor) {
	cols := shape[len(shape)-1]
	rows := Count(shape) / cols
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(mix(seed+uint64(i))>>40)/(1<<23) - 1
	}
	size := d.RowBytes(cols)
	data := make([]byte, rows*size+1)[1:]
	for i := range rows {
		row := data[i*size : (i+1)*size]
		kernel.Encode(d, row, values[i*cols:(i+1)*cols])
		kernel.Decode(d, values[i*cols:(i+1)*cols], row)
	}
	return NewWeight("stored", kernel.MatOf(d, rows, cols, data), shape...), FromFloats(values, shape...)
}

var storedTypes = []kernel.DType{kernel.F32, kernel.F16, kernel.BF16, kernel.Q8_0, kernel.Q4_0, kernel.Q4_1}

// TestStoredWeights compares frozen weights of every type with their values as float32, forward and in the gradient of x.
func TestStoredWeights(t *testing.T) {
	for _, eng := range kernel.Engines() {
		for _, d := range storedTypes {
			for _, rows := range []int{1, 3, 40} {
				w, plain := stored(d, 1, 24, 64)
				_, x := stored(kernel.F32, 7, rows, 64)
				run := func(w *Tensor) (y, dx []float32) {
					r := NewRun(Options{Engine: eng, Grad: true})
					x := FromFloats(x.data, rows, 64)
					x.SetTrainable(true)
					out := r.Linear(x, w, nil, kernel.GELU)
					r.Backward(r.SumAll(r.Mul(out, out)), 1)
					return out.Data(), x.Grad()
				}
				y, dx := run(w)
				wantY, wantDX := run(plain)
				what := fmt.Sprintf("%v, %v, %d rows", eng.Family(), d, rows)
				compare(t, what, y, wantY, 1e-5)
				compare(t, what+", gradient", dx, wantDX, 1e-5)
				if w.Grad() != nil {
					t.Errorf("%s: a frozen weight has a gradient", what)
				}
			}
		}
	}
}

func TestStoredEmbedding(t *testing.T) {
	for _, d := range storedTypes {
		w, plain := stored(d, 3, 9, 32)
		r := NewRun(Options{})
		ids := []int32{8, 0, 3, 3}
		compare(t, d.String(), r.Embedding(w, ids, 4).Data(), r.Embedding(plain, ids, 4).Data(), 0)
	}
}

// TestStoredSmallWeights uses biases, norms and positions that are stored as half floats.
func TestStoredSmallWeights(t *testing.T) {
	_, x := stored(kernel.F32, 5, 4, 3, 32)
	for _, d := range []kernel.DType{kernel.F32, kernel.F16, kernel.BF16} {
		w, plainW := stored(d, 6, 1, 32)
		p, plainP := stored(d, 7, 3, 32)
		use := func(w, p *Tensor) []float32 {
			r := NewRun(Options{})
			y := r.LayerNorm(r.Add(x, p), w, w, 1e-5)
			return r.Mul(r.RMSNorm(y, w, 1e-5), r.Reshape(r.Expand(w, 3), 3, 32)).Data()
		}
		compare(t, d.String(), use(w, p), use(plainW, plainP), 0)
	}
}

func TestStoredConvolution(t *testing.T) {
	_, x := stored(kernel.F32, 5, 2, 6, 6, 3)
	for _, d := range []kernel.DType{kernel.F32, kernel.F16, kernel.BF16} {
		w, plain := stored(d, 9, 8, 3, 2, 2)
		deep, plainDeep := stored(d, 9, 3, 1, 3, 3)
		r := NewRun(Options{})
		a := ConvArgs{Stride: [2]int{2, 2}}
		compare(t, d.String(), r.Conv2D(x, w, nil, a).Data(), r.Conv2D(x, plain, nil, a).Data(), 1e-6)
		a.Groups = 3
		compare(t, d.String()+" depthwise", r.Conv2D(x, deep, nil, a).Data(), r.Conv2D(x, plainDeep, nil, a).Data(), 1e-6)
	}
}

// TestCache reads keys and values from a cache with room to spare, stored as bf16, by index.
func TestCache(t *testing.T) {
	for _, eng := range kernel.Engines() {
		for _, d := range []kernel.DType{kernel.F32, kernel.BF16} {
			const slots, room, length = 3, 10, 7
			k, plainK := stored(d, 11, slots, room, 16)
			v, plainV := stored(d, 12, slots, room, 16)
			_, q := stored(kernel.F32, 13, 2, 3, 32)
			index := []int32{2, 0}
			r := NewRun(Options{Engine: eng})
			got := r.Attention(AttentionArgs{
				Q: q, Heads: 4, KVHeads: 2, Causal: true, CausalOffset: length - 3,
				KV: r.KVs(KV{K: k, V: v, Index: index, Len: length}),
			})
			pick := func(x *Tensor) *Tensor { return r.Slice(r.Gather(x, index), 1, 0, length) }
			want := r.Attention(AttentionArgs{
				Q: q, Heads: 4, KVHeads: 2, Causal: true, CausalOffset: length - 3,
				KV: r.KVs(KV{K: pick(plainK), V: pick(plainV)}),
			})
			compare(t, fmt.Sprintf("%v %v", eng.Family(), d), got.Data(), want.Data(), 1e-5)
		}
	}
}

// TestMistakesPanic checks that shapes which do not fit are refused, and that both are said.
func TestMistakesPanic(t *testing.T) {
	r := NewRun(Options{})
	x, w, v := r.Zeros(2, 3, 4), r.Zeros(5, 6), r.Zeros(7)
	for name, c := range map[string]struct {
		f    func()
		says []string
	}{
		"linear":        {func() { r.Linear(x, w, nil, kernel.NoAct) }, []string{"[2 3 4]", "[5 6]"}},
		"linear bias":   {func() { r.Linear(r.Zeros(2, 6), w, v, kernel.NoAct) }, []string{"[5 6]", "[7]"}},
		"feed-forward":  {func() { r.FeedForward(x, w, nil, kernel.GELU, w, nil) }, []string{"[2 3 4]", "[5 6]"}},
		"product":       {func() { r.MatMul(w, w, false) }, []string{"[5 6] and [5 6]"}},
		"add":           {func() { r.Add(x, w) }, []string{"[2 3 4]", "[5 6]"}},
		"layer norm":    {func() { r.LayerNorm(x, v, nil, 1e-5) }, []string{"[2 3 4]", "[7]"}},
		"RMS norm":      {func() { r.RMSNorm(x, v, 1e-5) }, []string{"[2 3 4]", "[7]"}},
		"attention":     {func() { r.Attention(AttentionArgs{Q: x, KV: []KV{{K: x, V: w}}, Heads: 2}) }, []string{"[2 3 4]", "[5 6]"}},
		"key mask":      {func() { r.Attention(AttentionArgs{Q: x, KV: []KV{{K: x, V: x}}, Heads: 2, KeyMask: []uint8{1}}) }, []string{"[2 3 4]", "1 values"}},
		"convolution":   {func() { r.Conv2D(r.Zeros(1, 2, 2, 3), r.Zeros(4, 3, 5, 5), nil, ConvArgs{}) }, []string{"[1 2 2 3]", "[4 3 5 5]"}},
		"targets":       {func() { r.CrossEntropy(w, []int32{1}, 0) }, []string{"1 targets", "[5 6]"}},
		"target":        {func() { r.CrossEntropy(w, []int32{0, 0, 0, 0, 6}, 0) }, []string{"target 6", "[5 6]"}},
		"embedding":     {func() { r.Embedding(w, []int32{5}, 1) }, []string{"entry 5", "[5 6]"}},
		"reshape":       {func() { r.Reshape(x, 5, 5) }, []string{"[2 3 4]", "[5 5]"}},
		"reshape by −1": {func() { r.Reshape(x, 5, -1) }, []string{"[2 3 4]"}},
		"concat":        {func() { r.Concat(0, x, w) }, []string{"[2 3 4]", "[5 6]"}},
		"slice":         {func() { r.Slice(x, 1, 2, 5) }, []string{"2…5", "[2 3 4]"}},
		"rotation":      {func() { r.Rotary(x, []int32{1}, 2, Rope{Dim: 2, Base: 1e4}) }, []string{"[2 3 4]", "1 positions"}},
		"backward":      {func() { r.Backward(x, 1) }, []string{"[2 3 4]"}},
		"train stored": {func() {
			w, _ := stored(kernel.Q8_0, 1, 2, 32)
			w.SetTrainable(true)
		}, []string{"q8_0"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				said := fmt.Sprint(recover())
				if slices.ContainsFunc(c.says, func(s string) bool { return !strings.Contains(said, s) }) {
					t.Errorf("said %q, want %q in it", said, c.says)
				}
			}()
			c.f()
		})
	}
}
