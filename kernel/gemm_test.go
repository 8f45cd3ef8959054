package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// serial runs tasks one after another, backwards if so wished, on a claimed number of workers.
type serial struct{ size int }

func (s serial) Do(n int, f func(task, worker int)) {
	for task := range n {
		f(task, task%s.size)
	}
}
func (s serial) Size() int { return s.size }

func TestGenericGemm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	a, b := make([]float32, 5*7), make([]float32, 9*7)
	for i := range a {
		a[i] = float32(rng.NormFloat64())
	}
	for i := range b {
		b[i] = float32(rng.NormFloat64())
	}
	c := make([]float32, 5*9)
	g := Gemm{M: 5, N: 9, K: 7, A: Operand{Mat: MatF32(a, 5, 7, 7)}, B: Operand{Mat: MatF32(b, 9, 7, 7)}, C: c, LDC: 9}
	Engines()[0].Gemm(serial{1}, &g)
	for m := range 5 {
		for n := range 9 {
			var s float64
			for k := range 7 {
				s += float64(a[m*7+k]) * float64(b[n*7+k])
			}
			if math.Abs(s-float64(c[m*9+n])) > 1e-5 {
				t.Fatalf("C[%d,%d] = %v, want %v", m, n, c[m*9+n], s)
			}
		}
	}
}
