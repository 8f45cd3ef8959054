package tensor

import (
	"math/rand/v2"
	"slices"
	"testing"

	"dragoman/kernel"
)

// TestSelfAttention: read where they stand, queries, keys and values give the bytes that copies of them give, which is what a tape makes.
func TestSelfAttention(t *testing.T) {
	const batch, length, heads, width = 2, 21, 3, 48
	random := rand.New(rand.NewPCG(3, 4))
	values := make([]float32, batch*length*3*width)
	for i := range values {
		values[i] = float32(random.NormFloat64())
	}
	for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
		var outs [2][]float32
		for i, grad := range []bool{false, true} {
			r := NewRun(Options{Compute: compute, Grad: grad})
			qkv := NewParamOf("qkv", values, batch, length, 3*width)
			y := r.SelfAttention(qkv, AttentionArgs{Heads: heads})
			if !slices.Equal(y.Shape(), []int{batch, length, width}) {
				t.Fatalf("shape %v", y.Shape())
			}
			outs[i] = slices.Clone(y.Data())
		}
		if !slices.Equal(outs[0], outs[1]) {
			t.Errorf("%v: in place and copied differ", compute)
		}
	}
}
