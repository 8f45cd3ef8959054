package kernel

import "math"

// Elementwise functions on rows, called by package tensor, which splits the work. Every element is computed alike
// wherever it lies in a row, so that where the work is split changes no byte.

// Apply computes dst = act(x); dst may be x.
func (e *Engine) Apply(act Act, dst, x []float32) {
	e.loops().act[act](dst[:len(x)], x)
}

// ApplyBackward computes dx += dy·act'(x).
func (e *Engine) ApplyBackward(act Act, dx, dy, x []float32) {
	e.loops().slope[act](dx[:len(x)], dy[:len(x)], x)
}

// Dot is Σ a·b.
func (e *Engine) Dot(a, b []float32) float32 { return e.loops().dot(a, b[:len(a)]) }

// Axpy computes y += alpha·x.
func (e *Engine) Axpy(alpha float32, x, y []float32) { e.loops().axpy(alpha, x, y[:len(x)]) }

// Add computes dst = a + b; dst may be a or b.
func (e *Engine) Add(dst, a, b []float32) { e.loops().add(dst[:len(a)], a, b[:len(a)]) }

// Mul computes dst = a·b; dst may be a or b.
func (e *Engine) Mul(dst, a, b []float32) { e.loops().mul(dst[:len(a)], a, b[:len(a)]) }

// Scale computes x *= s.
func (e *Engine) Scale(s float32, x []float32) { e.loops().scale(s, x) }

// Sum is Σ x.
func (e *Engine) Sum(x []float32) float32 { return e.loops().sum(x) }

// SumSquares is Σ x², summed in float64.
func (e *Engine) SumSquares(x []float32) float64 { return e.loops().squares(x) }

// loops are a family's elementwise loops. Slices of one call have one length, but for those that may be nil.
type loops struct {
	act       [numActs]func(dst, x []float32)               // dst = act(x)
	slope     [numActs]func(dx, dy, x []float32)            // dx += dy·act'(x)
	add       func(dst, a, b []float32)                     // dst = a + b
	mul       func(dst, a, b []float32)                     // dst = a·b
	scale     func(s float32, x []float32)                  // x *= s
	axpy      func(alpha float32, x, y []float32)           // y += alpha·x
	dot       func(a, b []float32) float32                  // Σ a·b
	sum       func(x []float32) float32                     // Σ x
	squares   func(x []float32) float64                     // Σ x²
	spread    func(x []float32, mean float32) float32       // Σ (x − mean)²
	rowMax    func(x []float32) float32                     // the largest, −Inf of none; it may overlook a NaN
	expSum    func(dst, x []float32, shift float32) float32 // dst = exp(x − shift), Σ dst
	norm      func(dst, x, w, b []float32, mean, rstd float32)
	normSums  func(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32)
	normSlope func(dx, dy, x, w []float32, mean, rstd, a, b float32)
	adamW     func(o adamStep, p, m, v, g []float32)
}

const numActs = Sigmoid + 1

// loops are those of the engine's family.
func (e *Engine) loops() *loops { return loopsOf[e.family] }

// genericLoops is the reference: float64 inside, rounded once an element.
var genericLoops = makeGenericLoops()

func makeGenericLoops() *loops {
	l := &loops{
		add: func(dst, a, b []float32) {
			for i, v := range a {
				dst[i] = v + b[i]
			}
		},
		mul: func(dst, a, b []float32) {
			for i, v := range a {
				dst[i] = v * b[i]
			}
		},
		scale: func(s float32, x []float32) {
			for i := range x {
				x[i] *= s
			}
		},
		axpy: axpy,
		dot:  dot,
		sum: func(x []float32) float32 {
			var s float64
			for _, v := range x {
				s += float64(v)
			}
			return float32(s)
		},
		squares: squares,
		spread: func(x []float32, mean float32) float32 {
			var s float64
			for _, v := range x {
				s += float64(v-mean) * float64(v-mean)
			}
			return float32(s)
		},
		rowMax: rowMax, expSum: expSum,
		norm: norm, normSums: normSums, normSlope: normSlope,
		adamW: adamW,
	}
	for act := range numActs {
		l.act[act] = func(dst, x []float32) {
			for i, v := range x {
				dst[i] = actOf(act, v)
			}
		}
		l.slope[act] = func(dx, dy, x []float32) {
			for i, v := range x {
				dx[i] += dy[i] * actSlope(act, v)
			}
		}
	}
	return l
}

func squares(x []float32) float64 {
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
