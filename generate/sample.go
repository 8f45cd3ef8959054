package generate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// sampler draws a row's tokens.
type sampler struct {
	rng   *rand.Rand
	cand  []candidate
	probs []float64
}

// candidate is a token that may be drawn.
type candidate struct {
	id    int32
	score float32
}

func newSampler(seed uint64) *sampler {
	return &sampler{rng: rand.New(rand.NewPCG(seed, 0x6472_6167_6f6d_616e))}
}

// draw picks an id from scores (logits after the penalties).
func (s *sampler) draw(scores []float32, o *Options) int32 {
	sum := s.distribution(scores, o)
	if len(s.probs) == 0 {
		return 0
	}
	at := s.rng.Float64() * sum
	for i, p := range s.probs {
		if at -= p; at < 0 {
			return s.cand[i].id
		}
	}
	return s.cand[len(s.probs)-1].id
}

// distribution leaves in s.cand what may be drawn, the likeliest first, and in s.probs how likely each is, in parts of the sum that it
// returns: scores under temperature, then top-k, then top-p, as transformers orders them.
func (s *sampler) distribution(scores []float32, o *Options) (sum float64) {
	s.cand, s.probs = s.cand[:0], s.probs[:0]
	for id, v := range scores {
		if v > minusInf { // neither −Inf nor NaN
			s.cand = append(s.cand, candidate{int32(id), v})
		}
	}
	slices.SortFunc(s.cand, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id))
	})
	if o.TopK > 0 && o.TopK < len(s.cand) {
		// What equals the k-th stays, as transformers has it.
		n := o.TopK
		for n < len(s.cand) && s.cand[n].score == s.cand[o.TopK-1].score {
			n++
		}
		s.cand = s.cand[:n]
	}
	for _, c := range s.cand {
		p := math.Exp((float64(c.score) - float64(s.cand[0].score)) / o.Temperature)
		s.probs = append(s.probs, p)
		sum += p
	}
	if o.TopP <= 0 || o.TopP >= 1 {
		return sum
	}
	kept := 0.0
	for i, p := range s.probs {
		if kept += p; kept >= o.TopP*sum {
			s.cand, s.probs = s.cand[:i+1], s.probs[:i+1]
			return kept
		}
	}
	return sum
}
