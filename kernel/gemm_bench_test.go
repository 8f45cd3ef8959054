package kernel_test

import (
	"fmt"
	"testing"
	"time"

	"dragoman/kernel"
	"dragoman/tensor"
)

// BenchmarkGemm reports the best of its runs, on all workers, in GFLOP/s.
func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct {
		m, k, n int
		orient  string
	}{
		{257, 1408, 6144, "fwd"},
		{512, 2560, 10240, "fwd"},
		{512, 768, 768, "fwd"},
		{4112, 768, 768, "fwd"},
		{4112, 768, 3072, "fwd"},
		{4112, 3072, 768, "fwd"},
		{4112, 1408, 768, "fwd"},
		{4112, 768, 768, "dx"},
		{4112, 768, 3072, "dx"},
		{4112, 3072, 768, "dx"},
		{4112, 768, 768, "dw"},
		{4112, 768, 3072, "dw"},
		{4112, 3072, 768, "dw"},
		{4112, 1408, 768, "dw"},
		{2048, 384, 384, "fwd"},
		{2048, 384, 1536, "fwd"},
		{2048, 384, 1536, "dx"},
		{2048, 384, 1536, "dw"},
		{2048, 1536, 384, "dw"},
	} {
		for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
			types := []kernel.DType{kernel.F32}
			if s.orient == "fwd" && compute == kernel.BF16 && s.m < 600 {
				types = []kernel.DType{kernel.F32, kernel.BF16, kernel.Q8_0, kernel.Q4_1}
			}
			for _, d := range types {
				name := fmt.Sprintf("%s/%v/%v/%dx%d-%d", s.orient, compute, d, s.m, s.k, s.n)
				b.Run(name, func(b *testing.B) { gemm(b, s.m, s.k, s.n, s.orient, compute, d) })
			}
		}
	}
}

func gemm(b *testing.B, m, k, n int, orient string, compute, d kernel.DType) {
	x, y := make([]float32, m*k), make([]float32, m*n)
	w := make([]float32, n*k)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	for i := range w {
		w[i] = float32(i%5) - 2
	}
	stored := make([]byte, n*d.RowBytes(k))
	kernel.Encode(d, stored, w)
	g := &kernel.Gemm{Compute: compute}
	X := kernel.MatF32(x, m, k, k)
	Y := kernel.MatF32(y, m, n, n)
	W := kernel.MatOf(d, n, k, stored)
	switch orient {
	case "fwd":
		g.M, g.N, g.K, g.A, g.B, g.C, g.LDC = m, n, k, kernel.Operand{Mat: X}, kernel.Operand{Mat: W}, y, n
	case "dx":
		g.M, g.N, g.K, g.A, g.B, g.C, g.LDC = m, k, n, kernel.Operand{Mat: Y}, kernel.Operand{Mat: W, Trans: true}, x, k
	case "dw":
		g.M, g.N, g.K, g.A, g.B, g.C, g.LDC = n, k, m, kernel.Operand{Mat: Y, Trans: true}, kernel.Operand{Mat: X, Trans: true}, w, k
	}
	pool, e := tensor.DefaultPool(), kernel.Default()
	best := time.Hour
	for b.Loop() {
		t := time.Now()
		e.Gemm(pool, g)
		best = min(best, time.Since(t))
	}
	b.ReportMetric(2*float64(m)*float64(n)*float64(k)/best.Seconds()/1e9, "best-GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDecoding reports how fast the weights of a small LLaMA's products of one row are read, each in turn from memory that no cache
// holds: the smaller a product, the more of its time goes to sharing it out.
func BenchmarkDecoding(b *testing.B) {
	const k, d = 576, kernel.Q4_1
	memory := make([]byte, 1<<30)
	for i := range memory {
		memory[i] = byte(i * i >> 8)
		if i%2 == 1 {
			memory[i] = 0x3c // no denormal scales
		}
	}
	pool, e, at := tensor.DefaultPool(), kernel.Default(), 0
	for _, n := range []int{576, 3072, 49152} {
		b.Run(fmt.Sprintf("%v/%dx%d", d, k, n), func(b *testing.B) {
			size := n * d.RowBytes(k)
			x, c := make([]float32, k), make([]float32, n)
			for i := range x {
				x[i] = float32(i%17) - 8
			}
			best := time.Hour
			for b.Loop() {
				if at+size > len(memory) {
					at = 0
				}
				w := kernel.MatOf(d, n, k, memory[at:at+size])
				t := time.Now()
				e.Gemm(pool, &kernel.Gemm{M: 1, N: n, K: k, A: kernel.Operand{Mat: kernel.MatF32(x, 1, k, k)}, B: kernel.Operand{Mat: w}, C: c, LDC: n, Compute: kernel.BF16})
				best = min(best, time.Since(t))
				at += size
			}
			b.ReportMetric(float64(size)/best.Seconds()/1e9, "best-GB/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
