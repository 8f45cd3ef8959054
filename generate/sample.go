package generate

import (
	"math"
	"math/rand/v2"
)

// sampler draws a row's tokens.
type sampler struct {
	rng   *rand.Rand
	all   []candidate // memory for as many as there are
	cand  []candidate // those that may be drawn
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

// distribution leaves in s.cand what may be drawn and in s.probs how likely each is, in parts of the sum that it returns: scores under
// temperature, then top-k, then top-p, as transformers orders them. The likeliest stand first where there is a cut; a vocabulary is never
// sorted for the few that are kept.
func (s *sampler) distribution(scores []float32, o *Options) (sum float64) {
	s.all, s.probs = s.all[:0], s.probs[:0]
	highest := minusInf
	for id, v := range scores {
		if v > minusInf { // neither −Inf nor NaN
			s.all = append(s.all, candidate{int32(id), v})
			highest = max(highest, v)
		}
	}
	s.cand = s.all
	share := func(c candidate) float64 {
		return math.Exp((float64(c.score) - float64(highest)) / o.Temperature)
	}
	if o.TopK > 0 && o.TopK < len(s.cand) {
		h := newHeap(s.cand)
		for n := 0; n < o.TopK || h.next().score == h.popped(n-1).score; n++ { // what equals the k-th stays, as transformers has it
			if h.pop(); len(h.left) == 0 {
				break
			}
		}
		s.cand = h.taken()
	}
	for _, c := range s.cand {
		p := share(c)
		s.probs = append(s.probs, p)
		sum += p
	}
	if o.TopP <= 0 || o.TopP >= 1 {
		return sum
	}
	h := newHeap(s.cand)
	kept := 0.0
	s.probs = s.probs[:0]
	for len(h.left) > 0 && !(kept >= o.TopP*sum) {
		p := share(h.pop())
		s.probs = append(s.probs, p)
		kept += p
	}
	s.cand = h.taken()
	return kept
}
