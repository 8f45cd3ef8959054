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

// BenchmarkSoftPromptStep is the language model's part of a training step of the second stage: 48 captions of 25 positions,
// loss at 12 of them, gradients back to the soft prompt.
func BenchmarkSoftPromptStep(b *testing.B) {
	const rows, soft, text, words = 48, 8, 17, 12
	m := smol(b)
	place := tensor.NewParam("soft", rows, soft, m.cfg.Width)
	ids := make([]int32, rows*text)
	for i := range ids {
		ids[i] = int32(100 + 37*i%40000)
	}
	var picked, targets []int32
	for row := range rows {
		for i := range words {
			picked = append(picked, int32(row*(soft+text)+soft+text-words-1+i))
			targets = append(targets, ids[row*text+text-words+i])
		}
	}
	r := tensor.NewRun(tensor.Options{Compute: kernel.BF16, Grad: true})
	for b.Loop() {
		r.Reset()
		h := m.Forward(r, language.Input{Embeds: r.Concat(1, place, m.Embed(r, ids, rows, text))})
		h = r.Gather(r.Reshape(h, rows*(soft+text), m.cfg.Width), picked)
		place.ZeroGrad()
		r.Backward(r.CrossEntropy(m.Logits(r, h), targets, 0), 1)
	}
}
