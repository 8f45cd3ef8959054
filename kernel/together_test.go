package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTogether multiplies rows by themselves and beside others: as many as Together says, or more than ManyRows either way, and nothing changes
// by a bit.
func TestTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 7))
	const n, k, most = 96, 1600, 80
	for _, e := range allEngines(t) {
		for _, d := range []DType{F32, F16, BF16, Q8_0, Q4_0, Q4_1} {
			for _, compute := range []DType{F32, BF16} {
				for _, eights := range []bool{false, true} {
					b := Operand{Mat: Mat{DType: d, Rows: n, Cols: k, Stride: d.RowBytes(k), Data: make([]byte, n*d.RowBytes(k))}}
					values := make([]float32, k)
					for i := range n {
						for j := range values {
							values[j] = float32(rng.NormFloat64())
						}
						Encode(d, b.Row(i), values)
					}
					if eights {
						e.InEights(serial{2}, &b.Mat)
					}
					x := make([]float32, most*k)
					for i := range x {
						x[i] = float32(rng.NormFloat64())
					}
					times := func(from, until int) []float32 {
						y := make([]float32, (until-from)*n)
						e.Gemm(serial{2}, &Gemm{
							M: until - from, N: n, K: k, A: Operand{Mat: MatF32(x[from*k:], until-from, k, k)}, B: b, C: y, LDC: n, Scale: 1, Compute: compute,
						})
						return y
					}
					together := e.Together(b.Mat, compute)
					if together > ManyRows {
						t.Fatalf("%v, %v: %d rows together", e, d, together)
					}
					alone := make([]float32, 0, together*n)
					for i := range together {
						alone = append(alone, times(i, i+1)...)
					}
					if !slices.Equal(times(0, together), alone) {
						t.Errorf("%v, %v under %v, in eights %v: %d rows are not what each is alone", e, d, compute, b.Eights, together)
					}
					few, all := times(3, 3+ManyRows+1), times(0, most)
					if !slices.Equal(few, all[3*n:][:len(few)]) {
						t.Errorf("%v, %v under %v, in eights %v: %d rows are not what they are among %d", e, d, compute, b.Eights, ManyRows+1, most)
					}
				}
			}
		}
	}
}
