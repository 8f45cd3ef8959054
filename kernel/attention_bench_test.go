package kernel

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkAttention times the shapes that models have; the best of all runs counts, as a share of the peak in the same process.
func BenchmarkAttention(b *testing.B) {
	for _, c := range []attentionCase{
		{name: "vit 257x257 16x88", batch: 1, tq: 257, heads: 16, kv: 16, d: 88, lens: []int{257}},
		{name: "cross 5x32x257 12x64 shared", batch: 5, tq: 32, heads: 12, kv: 12, d: 64, lens: []int{257}, index: []int32{0, 0, 0, 0, 0}},
		{name: "prefill 512 9/3x64", batch: 1, tq: 512, heads: 9, kv: 3, d: 64, lens: []int{512}, causal: true, dtype: BF16},
		{name: "self 16x64 12x64 masked", batch: 16, tq: 64, heads: 12, kv: 12, d: 64, lens: []int{64}, keyMask: true},
		{name: "decode 2048 9/3x64", batch: 1, tq: 1, heads: 9, kv: 3, d: 64, lens: []int{2048}, dtype: BF16},
	} {
		for _, compute := range []DType{F32, BF16} {
			a := c.build(compute)
			e := Default()
			g := c.gradients(a)
			flops := 4 * float64(c.batch*c.heads*c.tq) * float64(a.Keys()*c.d)
			if c.causal && c.tq > 1 {
				flops /= 2
			}
			run := func(name string, flops float64, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%s", c.name, compute, name), func(b *testing.B) {
					best := time.Hour
					for range b.N {
						start := time.Now()
						f()
						best = min(best, time.Since(start))
					}
					b.ReportMetric(flops/best.Seconds()/1e9, "best-GFLOP/s")
					b.ReportMetric(float64(best.Microseconds()), "best-µs")
				})
			}
			run("forward", flops, func() { e.Attention(team(1), a) })
			if c.dtype == F32 {
				run("backward", flops*5/2, func() { e.AttentionBackward(team(1), g) })
			}
		}
	}
}
