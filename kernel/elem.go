package kernel

import "math"

// Elementwise functions on rows, called by package tensor, which splits the work. Every element is computed alike
// wherever it lies in a row, so that where the work is split changes no byte.

// Apply computes dst = act(x); dst may be x.
func (e *Engine) Apply(act Act, dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = actOf(act, v)
	}
}

// ApplyBackward computes dx += dy·act'(x).
func (e *Engine) ApplyBackward(act Act, dx, dy, x []float32) {
	dx, dy = dx[:len(x)], dy[:len(x)]
	for i, v := range x {
		dx[i] += dy[i] * actSlope(act, v)
	}
}

// Dot is Σ a·b.
func (e *Engine) Dot(a, b []float32) float32 {
	return dot(a, b)
}

// Axpy computes y += alpha·x.
func (e *Engine) Axpy(alpha float32, x, y []float32) {
	axpy(alpha, x, y)
}

// Add computes dst = a + b; dst may be a or b.
func (e *Engine) Add(dst, a, b []float32) {
	dst, b = dst[:len(a)], b[:len(a)]
	for i, v := range a {
		dst[i] = v + b[i]
	}
}

// Mul computes dst = a·b; dst may be a or b.
func (e *Engine) Mul(dst, a, b []float32) {
	dst, b = dst[:len(a)], b[:len(a)]
	for i, v := range a {
		dst[i] = v * b[i]
	}
}

// Scale computes x *= s.
func (e *Engine) Scale(s float32, x []float32) {
	for i := range x {
		x[i] *= s
	}
}

// SumSquares is Σ x², summed in float64.
func (e *Engine) SumSquares(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

const (
	invSqrt2    = 0.70710678118654752440
	invSqrt2Pi  = 0.39894228040143267794
	sqrt2OverPi = 0.79788456080286535588
	geluCubic   = 0.044715
	quickSlope  = 1.702
)

// actOf is act(x), computed in float64 and rounded once.
func actOf(act Act, v float32) float32 {
	x := float64(v)
	switch act {
	case NoAct:
		return v
	case ReLU:
		if v < 0 {
			return 0
		}
		return v
	case ReLU6:
		if v < 0 {
			return 0
		}
		if v > 6 {
			return 6
		}
		return v
	case GELU:
		return float32(x * 0.5 * math.Erfc(-x*invSqrt2))
	case GELUTanh:
		return float32(x * sigmoid(2*sqrt2OverPi*(x+geluCubic*x*x*x)))
	case GELUQuick:
		return float32(x * sigmoid(quickSlope*x))
	case SiLU:
		return float32(x * sigmoid(x))
	case Tanh:
		return float32(math.Tanh(x))
	case Sigmoid:
		return float32(sigmoid(x))
	}
	panic("kernel: no such activation")
}

// actSlope is act'(x); 0 at the corners of ReLU and ReLU6, as PyTorch has it.
func actSlope(act Act, v float32) float32 {
	x := float64(v)
	switch act {
	case NoAct:
		return 1
	case ReLU:
		if v <= 0 {
			return 0
		}
		return 1
	case ReLU6:
		if v <= 0 || v >= 6 {
			return 0
		}
		return 1
	case GELU:
		return float32(0.5*math.Erfc(-x*invSqrt2) + x*invSqrt2Pi*math.Exp(-x*x/2))
	case GELUTanh:
		s := sigmoid(2 * sqrt2OverPi * (x + geluCubic*x*x*x))
		return float32(s + x*s*(1-s)*2*sqrt2OverPi*(1+3*geluCubic*x*x))
	case GELUQuick:
		s := sigmoid(quickSlope * x)
		return float32(s + x*s*(1-s)*quickSlope)
	case SiLU:
		s := sigmoid(x)
		return float32(s + x*s*(1-s))
	case Tanh:
		t := math.Tanh(x)
		return float32(1 - t*t)
	case Sigmoid:
		s := sigmoid(x)
		return float32(s * (1 - s))
	}
	panic("kernel: no such activation")
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s float32
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}
