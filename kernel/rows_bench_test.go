package kernel

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkRows multiplies one row with 10240×2560 weights that lie cold in memory: it walks over more than a gigabyte of them.
func BenchmarkRows(b *testing.B) {
	const n, k = 10240, 2560
	pool := team(2)
	memory := make([]byte, 1200<<20)
	for i := range memory {
		memory[i] = byte(i*i>>8) & 0x3f // small finite numbers in every stored type
	}
	x, c := make([]float32, k), make([]float32, n)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	for _, d := range allDTypes {
		size := d.RowBytes(k) * n
		mats := make([]Mat, len(memory)/size)
		for i := range mats {
			mats[i] = MatOf(d, n, k, memory[i*size:(i+1)*size])
		}
		for _, compute := range []DType{F32, Q8_0} {
			if compute == Q8_0 && d < Q8_0 {
				continue
			}
			b.Run(fmt.Sprintf("%v/%v", d, compute), func(b *testing.B) {
				e, best := Default(), time.Hour
				for i := range b.N {
					start := time.Now()
					e.rows(pool, &Gemm{M: 1, N: n, K: k, A: Operand{Mat: MatF32(x, 1, k, k)}, B: Operand{Mat: mats[i%len(mats)]}, C: c, LDC: n, Compute: compute})
					best = min(best, time.Since(start))
				}
				b.SetBytes(int64(size))
				b.ReportMetric(float64(size)/best.Seconds()/1e9, "best-GB/s")
			})
		}
	}
}
