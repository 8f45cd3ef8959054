package kernel

import "math"

// Softmax turns one row into its softmax in place and returns log Σ exp. A row of −Inf only (all masked) becomes zeros and
// returns −Inf.
func (e *Engine) Softmax(x []float32) float32 { return softmaxRow(x) }

func softmaxRow(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v > top || v != v {
			top = v
		}
	}
	if math.IsInf(float64(top), -1) {
		clear(x)
		return top
	}
	var sum float64
	for i, v := range x {
		p := float32(math.Exp(float64(v - top)))
		x[i] = p
		sum += float64(p)
	}
	scale := float32(1 / sum)
	for i := range x {
		x[i] *= scale
	}
	return top + float32(math.Log(sum))
}

// LayerNorm writes (x−mean)/√(var+eps)·w + b and returns mean and 1/√(var+eps); w and b may be nil, dst may be x.
func (e *Engine) LayerNorm(dst, x, w, b []float32, eps float32) (mean, rstd float32) {
	n := float64(len(x))
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	m := sum / n
	sum = 0
	for _, v := range x {
		d := float64(v) - m
		sum += d * d
	}
	mean, rstd = float32(m), float32(1/math.Sqrt(sum/n+float64(eps)))
	normRow(dst, x, w, b, mean, rstd)
	return mean, rstd
}

// RMSNorm writes x/√(mean(x²)+eps)·w and returns 1/√(…); w may be nil, dst may be x.
func (e *Engine) RMSNorm(dst, x, w []float32, eps float32) (rstd float32) {
	rstd = float32(1 / math.Sqrt(e.SumSquares(x)/float64(len(x))+float64(eps)))
	normRow(dst, x, w, nil, 0, rstd)
	return rstd
}

// normRow writes (x−mean)·rstd·w + b.
func normRow(dst, x, w, b []float32, mean, rstd float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		v = (v - mean) * rstd
		if w != nil {
			v *= w[i]
		}
		if b != nil {
			v += b[i]
		}
		dst[i] = v
	}
}
