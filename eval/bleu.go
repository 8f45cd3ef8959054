package eval

import (
	"math"
)

// bleu gathers the counts of corpus-level BLEU, whose brevity penalty compares with the closest reference's length.
type bleu struct {
	hits, guesses   [maxOrder]int
	length, closest int
}

func (b *bleu) add(caption []string, references [][]string) {
	b.length += len(caption)
	best := -1
	for _, r := range references {
		d, was := abs(len(r)-len(caption)), abs(best-len(caption))
		if best < 0 || d < was || (d == was && len(r) < best) {
			best = len(r)
		}
	}
	b.closest += max(best, 0)
	for n := range maxOrder {
		most := make(map[string]int)
		for _, r := range references {
			for g, c := range ngrams(r, n+1) {
				most[g] = max(most[g], c)
			}
		}
		for g, c := range ngrams(caption, n+1) {
			b.hits[n] += min(c, most[g])
		}
		b.guesses[n] += max(0, len(caption)-n)
	}
}

// scores are BLEU-1 to BLEU-4.
func (b *bleu) scores() [maxOrder]float64 {
	const tiny, small = 1e-15, 1e-9 // what the reference implementation adds so that nothing divides by zero
	var out [maxOrder]float64
	product := 1.0
	penalty := 1.0
	if ratio := (float64(b.length) + tiny) / (float64(b.closest) + small); ratio < 1 {
		penalty = math.Exp(1 - 1/ratio)
	}
	for n := range maxOrder {
		product *= (float64(b.hits[n]) + tiny) / (float64(b.guesses[n]) + small)
		out[n] = penalty * math.Pow(product, 1/float64(n+1))
	}
	return out
}

func abs(x int) int { return max(x, -x) }
