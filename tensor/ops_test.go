package tensor

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"dragoman/kernel"
)

func TestMain(m *testing.M) {
	poison = true // what a run takes back is overwritten with NaN
	os.Exit(m.Run())
}

// opCase is an operation as the oracle recorded it.
type opCase struct {
	name string
	f    func(r *Run, c *recorded) *Tensor
}

// recorded holds the values of one case.
type recorded struct {
	t    testing.TB
	name string
	in   []*Tensor
}

var actCases = map[string]kernel.Act{
	"none": kernel.NoAct, "relu": kernel.ReLU, "relu6": kernel.ReLU6, "gelu": kernel.GELU, "gelu_tanh": kernel.GELUTanh,
	"gelu_quick": kernel.GELUQuick, "silu": kernel.SiLU, "tanh": kernel.Tanh, "sigmoid": kernel.Sigmoid,
}

func opCases() []opCase {
	cases := []opCase{
		{"linear_no_bias", func(r *Run, c *recorded) *Tensor { return r.Linear(c.in[0], c.in[1], nil, kernel.NoAct) }},
		{"matmul", func(r *Run, c *recorded) *Tensor { return r.MatMul(c.in[0], c.in[1], false) }},
		{"matmul_trans", func(r *Run, c *recorded) *Tensor { return r.MatMul(c.in[0], c.in[1], true) }},
		{"add", func(r *Run, c *recorded) *Tensor { return r.Add(c.in[0], c.in[1]) }},
		{"add_end", func(r *Run, c *recorded) *Tensor { return r.Add(c.in[0], c.in[1]) }},
		{"add_twice", func(r *Run, c *recorded) *Tensor { return r.Add(c.in[0], c.in[0]) }},
		{"mul", func(r *Run, c *recorded) *Tensor { return r.Mul(c.in[0], c.in[1]) }},
		{"mul_end", func(r *Run, c *recorded) *Tensor { return r.Mul(c.in[0], c.in[1]) }},
		{"scale", func(r *Run, c *recorded) *Tensor { return r.Scale(c.in[0], 0.37) }},
		{"scale_by", func(r *Run, c *recorded) *Tensor { return r.ScaleBy(c.in[0], c.in[1]) }},
		{"div_by", func(r *Run, c *recorded) *Tensor { return r.DivBy(c.in[0], c.in[1]) }},
		{"glu_silu", func(r *Run, c *recorded) *Tensor { return r.GLU(c.in[0], c.in[1], kernel.SiLU) }},
		{"glu_gelu_tanh", func(r *Run, c *recorded) *Tensor { return r.GLU(c.in[0], c.in[1], kernel.GELUTanh) }},
		{"add_n", func(r *Run, c *recorded) *Tensor { return r.AddN(c.in...) }},
		{"sum_all", func(r *Run, c *recorded) *Tensor { return r.SumAll(c.in[0]) }},
		{"layer_norm", func(r *Run, c *recorded) *Tensor { return r.LayerNorm(c.in[0], c.in[1], c.in[2], 1e-5) }},
		{"layer_norm_no_bias", func(r *Run, c *recorded) *Tensor { return r.LayerNorm(c.in[0], c.in[1], nil, 1e-12) }},
		{"layer_norm_many_rows", func(r *Run, c *recorded) *Tensor { return r.LayerNorm(c.in[0], c.in[1], c.in[2], 1e-6) }},
		{"add_layer_norm", func(r *Run, c *recorded) *Tensor {
			return r.AddLayerNorm(c.in[0], c.in[1], c.in[2], c.in[3], 1e-12)
		}},
		{"add_layer_norm_twice", func(r *Run, c *recorded) *Tensor {
			return r.AddLayerNorm(c.in[0], c.in[0], c.in[1], c.in[2], 1e-5)
		}},
		{"feed_forward", func(r *Run, c *recorded) *Tensor {
			return r.FeedForward(c.in[0], c.in[1], c.in[2], kernel.GELU, c.in[3], c.in[4])
		}},
		{"rms_norm", func(r *Run, c *recorded) *Tensor { return r.RMSNorm(c.in[0], c.in[1], 1e-5) }},
		{"softmax", func(r *Run, c *recorded) *Tensor { return r.Softmax(c.in[0]) }},
		{"normalize", func(r *Run, c *recorded) *Tensor { return r.Normalize(c.in[0]) }},
		{"embedding", func(r *Run, c *recorded) *Tensor { return r.Embedding(c.in[0], c.ints("ids"), 2, 3) }},
		{"gather", func(r *Run, c *recorded) *Tensor { return r.Gather(c.in[0], c.ints("index")) }},
		{"expand", func(r *Run, c *recorded) *Tensor { return r.Expand(c.in[0], 4) }},
		{"expand_new", func(r *Run, c *recorded) *Tensor { return r.Expand(c.in[0], 4) }},
		{"concat0", func(r *Run, c *recorded) *Tensor { return r.Concat(0, c.in...) }},
		{"concat1", func(r *Run, c *recorded) *Tensor { return r.Concat(1, c.in...) }},
		{"concat2", func(r *Run, c *recorded) *Tensor { return r.Concat(-1, c.in...) }},
		{"slice0", func(r *Run, c *recorded) *Tensor { return r.Slice(c.in[0], 0, 1, 3) }},
		{"slice1", func(r *Run, c *recorded) *Tensor { return r.Slice(c.in[0], 1, 1, 3) }},
		{"slice2", func(r *Run, c *recorded) *Tensor { return r.Slice(c.in[0], -1, 2, 5) }},
		{"slice_views", func(r *Run, c *recorded) *Tensor {
			return r.Mul(r.Slice(c.in[0], 0, 0, 2), r.Slice(c.in[0], 0, 1, 3))
		}},
		{"reshape", func(r *Run, c *recorded) *Tensor { return r.Reshape(c.in[0], 4, -1) }},
		{"transpose01", func(r *Run, c *recorded) *Tensor { return r.Transpose(c.in[0], 0, 1) }},
		{"transpose02", func(r *Run, c *recorded) *Tensor { return r.Transpose(c.in[0], 2, 0) }},
		{"transpose12", func(r *Run, c *recorded) *Tensor { return r.Transpose(c.in[0], 1, 2) }},
		{"max0", func(r *Run, c *recorded) *Tensor { return r.MaxAxis(c.in[0], 0) }},
		{"max1", func(r *Run, c *recorded) *Tensor { return r.MaxAxis(c.in[0], 1) }},
		{"max_last", func(r *Run, c *recorded) *Tensor { return r.MaxAxis(c.in[0], -1) }},
		{"mean0", func(r *Run, c *recorded) *Tensor { return r.MeanAxis(c.in[0], 0) }},
		{"mean1", func(r *Run, c *recorded) *Tensor { return r.MeanAxis(c.in[0], 1) }},
		{"masked_mean", func(r *Run, c *recorded) *Tensor { return r.MaskedMean(c.in[0], c.bytes("mask")) }},
		{"cross_entropy", func(r *Run, c *recorded) *Tensor { return r.CrossEntropy(c.in[0], c.ints("targets"), 0) }},
		{"cross_entropy_smooth", func(r *Run, c *recorded) *Tensor {
			return r.CrossEntropy(c.in[0], c.ints("targets"), 0.1)
		}},
		{"soft_cross_entropy", func(r *Run, c *recorded) *Tensor { return r.SoftCrossEntropy(c.in[0], c.floats("soft")) }},
		{"rotary", func(r *Run, c *recorded) *Tensor {
			return r.Rotary(c.in[0], c.ints("positions"), 3, Rope{Dim: 8, Base: 10000})
		}},
		{"rotary_interleaved", func(r *Run, c *recorded) *Tensor {
			return r.Rotary(c.in[0], c.ints("positions"), 2, Rope{Dim: 8, Base: 100000, Interleaved: true})
		}},
		{"attention", func(r *Run, c *recorded) *Tensor { return r.Attention(c.attention(3)) }},
		{"attention_key_mask", func(r *Run, c *recorded) *Tensor {
			a := c.attention(3)
			a.KeyMask, a.Scale = c.bytes("mask"), 0.2
			return r.Attention(a)
		}},
		{"attention_mask", func(r *Run, c *recorded) *Tensor {
			a := c.attention(3)
			a.Mask = c.bytes("mask")
			return r.Attention(a)
		}},
		{"attention_mask_shared", func(r *Run, c *recorded) *Tensor {
			a := c.attention(3)
			a.Mask = c.bytes("mask")
			return r.Attention(a)
		}},
		{"attention_causal_grouped", func(r *Run, c *recorded) *Tensor {
			a := c.attention(6)
			a.KVHeads, a.Causal, a.CausalOffset = 2, true, 2
			return r.Attention(a)
		}},
		{"attention_segments", func(r *Run, c *recorded) *Tensor {
			a := c.attention(2)
			a.KV[0].Index, a.Causal, a.CausalFrom = c.ints("index"), true, 3
			return r.Attention(a)
		}},
		{"attention_bias", func(r *Run, c *recorded) *Tensor {
			a := c.attention(3)
			a.Bias = FromFloats(c.floats("bias"), 3, 5, 7)
			return r.Attention(a)
		}},
		{"attention_relative", func(r *Run, c *recorded) *Tensor {
			return r.Attention(AttentionArgs{
				Q: c.in[0], KV: []KV{{K: c.in[1], V: c.in[2]}}, Heads: 3, Scale: 1,
				Bias: r.RelativeBias(c.in[3], Buckets{Far: 6}, 5, 7, 2),
			})
		}},
		{"relative_ahead", func(r *Run, c *recorded) *Tensor {
			return r.RelativeBias(c.in[0], Buckets{Far: 128, Ahead: true}, 3, 330, 160)
		}},
		{"relative_behind", func(r *Run, c *recorded) *Tensor {
			return r.RelativeBias(c.in[0], Buckets{Far: 128}, 3, 170, 167)
		}},
		{"conv3x3", convCase(ConvArgs{Pad: [4]int{1, 1, 1, 1}})},
		{"conv_same2", convCase(ConvArgs{Stride: [2]int{2, 2}, Pad: [4]int{0, 0, 1, 1}, Act: kernel.ReLU6})},
		{"conv_patch", convCase(ConvArgs{Stride: [2]int{2, 3}})},
		{"conv1x1", convCase(ConvArgs{Act: kernel.ReLU})},
		{"depthwise3", convCase(ConvArgs{Pad: [4]int{1, 1, 1, 1}, Groups: 5, Act: kernel.ReLU6})},
		{"depthwise5_stride2", convCase(ConvArgs{Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 2, 2}, Groups: 7})},
	}
	for name, act := range actCases {
		cases = append(cases,
			opCase{"linear_" + name, func(r *Run, c *recorded) *Tensor { return r.Linear(c.in[0], c.in[1], c.in[2], act) }},
			opCase{"act_" + name, func(r *Run, c *recorded) *Tensor { return r.Act(c.in[0], act) }},
		)
	}
	return cases
}

func convCase(a ConvArgs) func(r *Run, c *recorded) *Tensor {
	return func(r *Run, c *recorded) *Tensor {
		var b *Tensor
		if len(c.in) > 2 {
			b = c.in[2]
		}
		return r.Conv2D(c.in[0], c.in[1], b, a)
	}
}

// attention takes the inputs as queries, then the keys of every segment, then the values.
func (c *recorded) attention(heads int) AttentionArgs {
	a := AttentionArgs{Q: c.in[0], Heads: heads}
	n := (len(c.in) - 1) / 2
	for i := range n {
		a.KV = append(a.KV, KV{K: c.in[1+i], V: c.in[1+n+i]})
	}
	return a
}

// load reads the inputs of a case; they want gradients.
func load(t testing.TB, name string) *recorded {
	c := &recorded{t: t, name: name}
	for i := 0; ; i++ {
		e, ok := oracle(t)[fmt.Sprintf("%s.in%d", name, i)]
		if !ok {
			break
		}
		x := FromFloats(e.floats(), e.Shape...)
		x.SetTrainable(true)
		c.in = append(c.in, x)
	}
	if len(c.in) == 0 {
		t.Fatalf("nothing is recorded of %s", name)
	}
	return c
}

func (c *recorded) entry(key string) entry {
	e, ok := oracle(c.t)[c.name+"."+key]
	if !ok {
		c.t.Fatalf("%s has no %s", c.name, key)
	}
	return e
}

func (c *recorded) floats(key string) []float32 { return c.entry(key).floats() }
func (c *recorded) bytes(key string) []uint8    { return c.entry(key).data }

func (c *recorded) ints(key string) []int32 {
	b := c.entry(key).data
	x := make([]int32, len(b)/4)
	for i := range x {
		x[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// forward runs a case and, under a tape, its backward from Σ out·dout.
func (c *recorded) forward(r *Run, f func(*Run, *recorded) *Tensor) (out *Tensor, loss float64) {
	out = f(r, c)
	dout := FromFloats(c.floats("dout"), out.Shape()...)
	total := r.SumAll(r.Mul(out, dout))
	if r.Recording() {
		r.Backward(total, 1)
	}
	for i, v := range out.Data() {
		loss += float64(v) * float64(dout.Data()[i])
	}
	return out, loss
}

// entry is a tensor of the oracle's file.
type entry struct {
	DType string `json:"dtype"`
	Shape []int
	At    [2]int `json:"data_offsets"`
	data  []byte
}

func (e entry) floats() []float32 {
	x := make([]float32, len(e.data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(e.data[4*i:]))
	}
	return x
}

var oracleFile map[string]entry

// oracle is everything that tools/oracle/tensor.py recorded.
func oracle(t testing.TB) map[string]entry {
	t.Helper()
	if oracleFile != nil {
		return oracleFile
	}
	b, err := os.ReadFile("testdata/ops.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b)
	if err := json.Unmarshal(b[8:8+n], &oracleFile); err != nil {
		t.Fatal(err)
	}
	for name, e := range oracleFile {
		e.data = b[8+n:][e.At[0]:e.At[1]]
		oracleFile[name] = e
	}
	return oracleFile
}

// compare fails where the worst difference is more than tol of the largest value wanted.
func compare(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	scale, worst, at := 0.0, 0.0, 0
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if d > worst || math.IsNaN(d) {
			worst, at = d, i
			if math.IsNaN(d) {
				break
			}
		}
	}
	if !(worst <= tol*max(scale, 1e-3)) {
		t.Errorf("%s: %g at %d, want %g (off by %.2g of the scale)", what, got[at], at, want[at], worst/scale)
	}
}

func TestOperationsAgainstPyTorch(t *testing.T) {
	for _, eng := range kernel.Engines() {
		for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
			tol := 1e-5
			if compute != kernel.F32 {
				tol = 2e-2
			}
			t.Run(fmt.Sprintf("%v/%v", eng.Family(), compute), func(t *testing.T) {
				r := NewRun(Options{Engine: eng, Compute: compute, Grad: true})
				for _, oc := range opCases() {
					c := load(t, oc.name)
					want := c.entry("out")
					out, _ := c.forward(r, oc.f)
					if !slices.Equal(out.Shape(), want.Shape) {
						t.Errorf("%s: shape %v, want %v", oc.name, out.Shape(), want.Shape)
						continue
					}
					compare(t, oc.name, out.Data(), want.floats(), tol)
					for i, x := range c.in {
						key := fmt.Sprintf("grad%d", i)
						compare(t, oc.name+"."+key, x.Grad(), c.floats(key), tol)
					}
					r.Reset()
				}
			})
		}
	}
}
