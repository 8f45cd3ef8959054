package tensor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"dragoman/kernel"
)

// TestBeside: maps side by side, and all gradients, are those of single maps whose results are joined, to the byte.
func TestBeside(t *testing.T) {
	const in, first, second = 96, 130, 3
	random := rand.New(rand.NewPCG(1, 1))
	values := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	for _, rows := range []int{1, 5, 70} {
		for _, frozen := range []bool{false, true} {
			xs, small := values(rows*in), values(second*in)
			big := make([]byte, first*kernel.Q8_0.RowBytes(in))
			kernel.Encode(kernel.Q8_0, big, values(first*in))
			weighed := FromFloats(values(rows*(first+second)), rows, first+second)
			results := map[bool][][]float32{}
			for _, beside := range []bool{false, true} {
				x, w2 := NewParamOf("x", slices.Clone(xs), rows, in), NewParamOf("w2", slices.Clone(small), second, in)
				w1 := NewWeight("w1", kernel.MatOf(kernel.Q8_0, first, in, big), first, in)
				if !frozen {
					w1 = NewParamOf("w1", decoded(big, first, in), first, in)
				}
				r := NewRun(Options{Grad: true, Compute: kernel.BF16})
				var y *Tensor
				if beside {
					y = r.Beside(x, w1, w2)
				} else {
					y = r.Concat(-1, r.Linear(x, w1, nil, kernel.NoAct), r.Linear(x, w2, nil, kernel.NoAct))
				}
				logits := slices.Clone(y.Data())
				r.Backward(r.SumAll(r.Mul(y, weighed)), 1)
				results[beside] = [][]float32{logits, x.Grad(), w2.Grad(), w1.Grad()}
			}
			for i, name := range []string{"result", "input's gradient", "second weight's gradient", "first weight's gradient"} {
				if !slices.Equal(results[true][i], results[false][i]) {
					t.Errorf("%d rows, frozen %v: another %s", rows, frozen, name)
				}
			}
		}
	}
	defer func() {
		if want, got := "tensor: linear of [2 96] with weight [3 95]", fmt.Sprint(recover()); got != want {
			t.Errorf("panic %q, want %q", got, want)
		}
	}()
	NewRun(Options{}).Beside(FromFloats(make([]float32, 2*in), 2, in), FromFloats(make([]float32, 3*95), 3, 95))
}

func decoded(stored []byte, rows, cols int) []float32 {
	x := make([]float32, rows*cols)
	kernel.Decode(kernel.Q8_0, x, stored)
	return x
}
