package train

import (
	"math"
)

// rate is the learning rate of a step counted from 0: linear up to lr over the warm-up, then half a cosine down to min.
func (s *Stage) rate(step int) float64 {
	if step < s.Warmup {
		return s.LR * float64(step+1) / float64(s.Warmup)
	}
	done := float64(step-s.Warmup) / float64(max(1, s.Steps-s.Warmup))
	return s.MinLR + (s.LR-s.MinLR)*0.5*(1+math.Cos(math.Pi*min(1, done)))
}
