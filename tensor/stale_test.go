package tensor

import (
	"fmt"
	"math"
	"testing"

	"dragoman/kernel"
)

// TestNaNDoesNotComeBack runs attention over NaN, forward and backward, and then over numbers in the same memory: kernels keep their
// scratch, and what a pass left there must not show in the next.
func TestNaNDoesNotComeBack(t *testing.T) {
	pass := func(e *kernel.Engine, c kernel.DType, value float32, rows, length, width, heads int) bool {
		run := NewRun(Options{Compute: c, Engine: e, Grad: true})
		param := func(name string) *Tensor {
			p := NewParam(name, rows, length, width*heads)
			for i := range p.Data() {
				p.Data()[i] = value * float32(i%7) * 0.1
			}
			return p
		}
		q, k, v := param("q"), param("k"), param("v")
		out := run.Attention(AttentionArgs{Q: q, KV: []KV{{K: k, V: v}}, Heads: heads, Causal: true})
		run.Backward(run.SumAll(run.Mul(out, out)), 1)
		for _, p := range []*Tensor{q, k, v} {
			for _, g := range p.Grad() {
				if math.IsNaN(float64(g)) {
					return false
				}
			}
		}
		return true
	}
	for _, e := range kernel.Engines() {
		for _, c := range []kernel.DType{kernel.F32, kernel.BF16} {
			t.Run(fmt.Sprint(e.Family(), c), func(t *testing.T) {
				for _, dirty := range [][4]int{{4, 6, 4, 4}, {2, 33, 32, 1}} {
					for _, clean := range [][4]int{{2, 4, 16, 2}, {4, 3, 4, 4}, {1, 17, 8, 2}} {
						pass(e, c, float32(math.NaN()), dirty[0], dirty[1], dirty[2], dirty[3])
						if !pass(e, c, 1, clean[0], clean[1], clean[2], clean[3]) {
							t.Errorf("attention of %v after NaN in one of %v has NaN in its gradients", clean, dirty)
						}
					}
				}
			})
		}
	}
}
