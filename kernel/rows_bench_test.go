package kernel

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkRows multiplies one row with 10240×2560 weights that lie cold in memory: it walks over more than a gigabyte of them. Each
// product is timed beside plain reading of as many bytes by as many workers; of both the best counts. What can lie in eights is
// multiplied so, too.
func BenchmarkRows(b *testing.B) {
	const n, k = 10240, 2560
	e, pool := Default(), team(2)
	memory := make([]byte, 1200<<20)
	for i := range memory {
		memory[i] = byte(i * i >> 8)
		if i%2 == 1 {
			memory[i] = 0x3c // no denormal numbers in any stored type
		}
	}
	x, c := make([]float32, k), make([]float32, n)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	for _, d := range allDTypes {
		for _, compute := range []DType{F32, Q8_0} {
			if compute == Q8_0 && d < Q8_0 {
				continue
			}
			size := d.RowBytes(k) * n
			for _, eights := range []bool{false, true} {
				if eights && (compute == F32 || e.eightRows()[d] == nil) {
					continue
				}
				name := fmt.Sprintf("%v/%v", d, compute)
				if eights {
					name += "/eights"
				}
				b.Run(name, func(b *testing.B) {
					product, read := time.Hour, time.Hour
					at := 0
					next := func() []byte {
						if at+size > len(memory) {
							at = 0
						}
						at += size
						return memory[at-size : at]
					}
					for range b.N {
						g := &Gemm{M: 1, N: n, K: k, A: Operand{Mat: MatF32(x, 1, k, k)}, B: Operand{Mat: MatOf(d, n, k, next())}, C: c, LDC: n, Compute: compute}
						g.B.Eights = eights
						start := time.Now()
						e.rows(pool, g)
						product = min(product, time.Since(start))
						part, chunk := next(), 256<<10
						for _, reader := range e.Readers() {
							start = time.Now()
							pool.Do(ceilDiv(size, chunk), func(task, worker int) {
								reader(part[task*chunk : min((task+1)*chunk, size)])
							})
							read = min(read, time.Since(start))
							part = next()
						}
					}
					b.ReportMetric(float64(size)/product.Seconds()/1e9, "best-GB/s")
					b.ReportMetric(float64(size)/read.Seconds()/1e9, "read-GB/s")
				})
			}
		}
	}
}
