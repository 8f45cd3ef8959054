package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestGemmQuick(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, e := range Engines() {
		for _, comp := range []DType{F32, BF16} {
			for range 300 {
				M, N, K := 1+rng.IntN(130), 1+rng.IntN(130), 1+rng.IntN(130)
				ta, tb := rng.IntN(2) == 1, rng.IntN(2) == 1
				a, b := make([]float32, M*K), make([]float32, N*K)
				for i := range a {
					a[i] = float32(rng.NormFloat64())
				}
				for i := range b {
					b[i] = float32(rng.NormFloat64())
				}
				A, B := Operand{Mat: MatF32(a, M, K, K)}, Operand{Mat: MatF32(b, N, K, K)}
				if ta {
					A = Operand{Mat: MatF32(a, K, M, M), Trans: true}
				}
				if tb {
					B = Operand{Mat: MatF32(b, K, N, N), Trans: true}
				}
				c, want := make([]float32, M*N), make([]float32, M*N)
				g := Gemm{M: M, N: N, K: K, A: A, B: B, C: want, LDC: N}
				gemmGeneric(serial{1}, &g)
				g.C = c
				g.Compute = comp
				e.Gemm(serial{3}, &g)
				tol := 1e-4
				if comp == BF16 {
					tol = 0.05 * math.Sqrt(float64(K))
				}
				for i := range c {
					if !(math.Abs(float64(c[i]-want[i])) < tol) {
						t.Fatalf("%v %v M=%d N=%d K=%d ta=%v tb=%v: at %d,%d: %v want %v", e.Family(), comp, M, N, K, ta, tb, i/N, i%N, c[i], want[i])
					}
				}
			}
		}
	}
}
