package llama

import (
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
)

// BenchmarkPrefill reads 512 tokens with the built-in model.
func BenchmarkPrefill(b *testing.B) {
	m := smol(b)
	ids := make([]int32, 512)
	for i := range ids {
		ids[i] = int32(100 + 37*i%40000)
	}
	for _, compute := range []kernel.DType{kernel.Q8_0, kernel.BF16, kernel.F32} {
		b.Run(compute.String(), func(b *testing.B) {
			d := language.NewDecoder(m, tensor.Options{Compute: compute})
			for b.Loop() {
				d.Reset()
				if err := d.Read(ids); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(512*b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}

// BenchmarkDecode continues a prompt by 64 tokens with the built-in model, one row at a time.
func BenchmarkDecode(b *testing.B) {
	m := smol(b)
	for _, compute := range []kernel.DType{kernel.Q8_0, kernel.BF16, kernel.F32} {
		b.Run(compute.String(), func(b *testing.B) {
			d := language.NewDecoder(m, tensor.Options{Compute: compute})
			parents, tokens := []int{0}, []int32{504}
			made := 0
			b.ReportAllocs()
			for b.Loop() {
				if made%64 == 0 {
					d.Reset()
					if err := d.Read([]int32{504, 3575, 282}); err != nil {
						b.Fatal(err)
					}
				}
				made++
				if err := d.Advance(parents, tokens); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
