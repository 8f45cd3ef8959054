package train

import (
	"math"
	"strings"

	"dragoman/kernel"
	"dragoman/tensor"
)

// adamW is AdamW over a stage's parameters. Norms, biases and everything else of one axis do not decay.
type adamW struct {
	engine *kernel.Engine
	params []*slot
	steps  int // taken, which skipped ones are not
}

// slot is a parameter with its moments.
type slot struct {
	param *tensor.Tensor
	m, v  []float32
	scale float64 // of the rate
	decay bool
}

func newAdamW(engine *kernel.Engine, params []*tensor.Tensor, groups []LRGroup) *adamW {
	o := &adamW{engine: engine}
	for _, p := range params {
		scale := 1.0
		for _, g := range groups {
			if strings.Contains(p.Name(), g.Match) {
				scale = g.Scale
				break
			}
		}
		if scale == 0 {
			p.SetTrainable(false)
			continue
		}
		o.params = append(o.params, &slot{
			param: p, m: make([]float32, p.Len()), v: make([]float32, p.Len()), scale: scale, decay: decays(p),
		})
	}
	return o
}

// decays says whether a parameter is a matrix: not a bias, a norm, or a single number.
func decays(p *tensor.Tensor) bool {
	return len(p.Shape()) > 1 && !strings.HasSuffix(p.Name(), ".bias")
}

// norm is the length of the whole gradient.
func (o *adamW) norm() float64 {
	var sum float64
	for _, s := range o.params {
		if g := s.param.Grad(); g != nil {
			sum += o.engine.SumSquares(g)
		}
	}
	return math.Sqrt(sum)
}

// step updates every parameter that has a gradient. The gradient's length is clipped to st.Clip.
func (o *adamW) step(st *Stage, rate, norm float64) {
	o.steps++
	scale := 1.0
	if st.Clip > 0 && norm > st.Clip {
		scale = st.Clip / norm
	}
	pool := tensor.DefaultPool()
	pool.Do(len(o.params), func(task, _ int) {
		s := o.params[task]
		g := s.param.Grad()
		if g == nil {
			return
		}
		step := kernel.AdamW{
			LR: float32(rate * s.scale), Beta1: float32(st.Beta1), Beta2: float32(st.Beta2), Eps: float32(st.Eps),
			Scale: float32(scale),
			Bias1: float32(1 - math.Pow(st.Beta1, float64(o.steps))),
			Bias2: float32(1 - math.Pow(st.Beta2, float64(o.steps))),
		}
		if s.decay {
			step.Decay = float32(st.Decay)
		}
		o.engine.AdamW(step, s.param.Data(), s.m, s.v, g)
	})
}

// zero forgets the gradients.
func (o *adamW) zero() {
	for _, s := range o.params {
		s.param.ZeroGrad()
	}
}
