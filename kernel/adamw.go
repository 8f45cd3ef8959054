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
	n := len(g)
	e.loops().adamW(adamStep{
		scale: o.Scale,
		keepM: o.Beta1, takeM: float32(1 - float64(o.Beta1)),
		keepV: o.Beta2, takeV: float32(1 - float64(o.Beta2)),
		root: float32(1 / math.Sqrt(float64(o.Bias2))), rate: o.LR / o.Bias1,
		keepP: float32(1 - float64(o.LR)*float64(o.Decay)), eps: o.Eps,
	}, p[:n], m[:n], v[:n], g)
}

// adamStep is what a step multiplies with; the assembly reads the fields in this order.
type adamStep struct{ scale, keepM, takeM, keepV, takeV, root, rate, keepP, eps float32 }

func adamW(o adamStep, p, m, v, g []float32) {
	for i, d := range g {
		d *= o.scale
		m[i] = o.keepM*m[i] + o.takeM*d
		v[i] = o.keepV*v[i] + o.takeV*d*d
		p[i] = o.keepP*p[i] - o.rate*m[i]/(float32(math.Sqrt(float64(v[i])))*o.root+o.eps)
	}
}
