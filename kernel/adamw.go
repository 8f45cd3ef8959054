package kernel

import "math"

// AdamW is one fused step over a parameter (Loshchilov and Hutter, 2019, as PyTorch orders it): m, v are the moments, p the
// master weights; Scale multiplies the gradient (clipping and loss scale); Bias1 and Bias2 are 1−Beta1^t and 1−Beta2^t.
type AdamW struct{ LR, Beta1, Beta2, Eps, Decay, Scale, Bias1, Bias2 float32 }

// AdamW updates p, m and v in place from g:
//
//	g·Scale → g;  p −= LR·Decay·p;  m = Beta1·m + (1−Beta1)·g;  v = Beta2·v + (1−Beta2)·g²
//	p −= LR/Bias1 · m / (√v/√Bias2 + Eps)
func (e *Engine) AdamW(o AdamW, p, m, v, g []float32) {
	p, m, v = p[:len(g)], m[:len(g)], v[:len(g)]
	keep, step := 1-o.LR*o.Decay, o.LR/o.Bias1
	root := float32(1 / math.Sqrt(float64(o.Bias2)))
	for i, d := range g {
		d *= o.Scale
		m[i] = o.Beta1*m[i] + (1-o.Beta1)*d
		v[i] = o.Beta2*v[i] + (1-o.Beta2)*d*d
		p[i] = keep*p[i] - step*m[i]/(float32(math.Sqrt(float64(v[i])))*root+o.Eps)
	}
}
