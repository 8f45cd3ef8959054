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

// draw picks an id from scores (logits after the penalties) under temperature, then top-k, then top-p, as transformers
// orders them.
func (s *sampler) draw(scores []float32, o *Options) int32 {
	s.cand = s.cand[:0]
	for id, v := range scores {
		if v > minusInf { // neither −Inf nor NaN
			s.cand = append(s.cand, candidate{int32(id), v})
		}
	}
	if len(s.cand) == 0 {
		return 0
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
	s.probs = s.probs[:0]
	sum := 0.0
	for _, c := range s.cand {
		p := math.Exp((float64(c.score) - float64(s.cand[0].score)) / o.Temperature)
		s.probs = append(s.probs, p)
		sum += p
	}
	if o.TopP > 0 && o.TopP < 1 {
		kept := 0.0
		for i, p := range s.probs {
			kept += p
			if kept >= o.TopP*sum {
				s.probs, sum = s.probs[:i+1], kept
				break
			}
		}
	}
	at := s.rng.Float64() * sum
	for i, p := range s.probs {
		if at -= p; at < 0 {
			return s.cand[i].id
		}
	}
	return s.cand[len(s.probs)-1].id
}
