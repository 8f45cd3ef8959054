package generate

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkDraw draws from a vocabulary of GPT-2's size.
func BenchmarkDraw(b *testing.B) {
	scores := make([]float32, 50_000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range scores {
		scores[i] = float32(rng.NormFloat64() * 3)
	}
	for _, o := range []Options{{Temperature: 0.8}, {Temperature: 0.8, TopK: 50}, {Temperature: 0.8, TopP: 0.9}, {Temperature: 0.8, TopK: 50, TopP: 0.9}} {
		b.Run(fmt.Sprintf("k=%d,p=%v", o.TopK, o.TopP), func(b *testing.B) {
			s := newSampler(1)
			for b.Loop() {
				s.draw(scores, &o)
			}
		})
	}
}
