package kernel

import "math"

// Softmax turns one row into its softmax in place and returns log Σ exp. A row of −Inf only (all masked) becomes zeros and
// returns −Inf.
func (e *Engine) Softmax(x []float32) float32 {
	top := e.top(x)
	if math.IsInf(float64(top), -1) {
		clear(x)
		return top
	}
	sum := e.loops().expSum(x, x, top)
	e.loops().scale(1/sum, x)
	return top + float32(math.Log(float64(sum)))
}

// LogSumExp is log Σ exp(x), −Inf of nothing; spare is as long as x and is overwritten.
func (e *Engine) LogSumExp(x, spare []float32) float32 {
	top := e.top(x)
	if math.IsInf(float64(top), -1) {
		return top
	}
	return top + float32(math.Log(float64(e.loops().expSum(spare[:len(x)], x, top))))
}

// top is the largest of a row: −Inf of none, NaN of a row of −Inf and NaN.
func (e *Engine) top(x []float32) float32 {
	top := e.loops().rowMax(x)
	if math.IsInf(float64(top), -1) {
		for _, v := range x {
			if v != v {
				return v
			}
		}
	}
	return top
}

// LayerNorm writes (x−mean)/√(var+eps)·w + b and returns mean and 1/√(var+eps); w and b may be nil, dst may be x.
func (e *Engine) LayerNorm(dst, x, w, b []float32, eps float32) (mean, rstd float32) {
	n := float64(len(x))
	mean = float32(float64(e.loops().sum(x)) / n)
	variance := float64(e.loops().spread(x, mean)) / n
	rstd = float32(1 / math.Sqrt(variance+float64(eps)))
	e.loops().norm(dst[:len(x)], x, upTo(w, len(x)), upTo(b, len(x)), mean, rstd)
	return mean, rstd
}

// RMSNorm writes x/√(mean(x²)+eps)·w and returns 1/√(…); w may be nil, dst may be x.
func (e *Engine) RMSNorm(dst, x, w []float32, eps float32) (rstd float32) {
	rstd = float32(1 / math.Sqrt(e.SumSquares(x)/float64(len(x))+float64(eps)))
	e.loops().norm(dst[:len(x)], x, upTo(w, len(x)), nil, 0, rstd)
	return rstd
}

// LayerNormBackward adds the gradients of one LayerNorm row, from what it returned: dx, and dw and db where they are not nil.
// w may be nil, dx nil where no gradient is wanted.
func (e *Engine) LayerNormBackward(dx, dy, x, w, dw, db []float32, mean, rstd float32) {
	n := len(x)
	a, b := e.loops().normSums(dy[:n], x, upTo(w, n), upTo(dw, n), upTo(db, n), mean, rstd)
	if dx != nil {
		e.loops().normSlope(dx[:n], dy[:n], x, upTo(w, n), mean, rstd, a/float32(n), b/float32(n))
	}
}

// RMSNormBackward adds the gradients of one RMSNorm row: dx, and dw where it is not nil.
func (e *Engine) RMSNormBackward(dx, dy, x, w, dw []float32, rstd float32) {
	n := len(x)
	_, b := e.loops().normSums(dy[:n], x, upTo(w, n), upTo(dw, n), nil, 0, rstd)
	if dx != nil {
		e.loops().normSlope(dx[:n], dy[:n], x, upTo(w, n), 0, rstd, 0, b/float32(n))
	}
}

// upTo is the first n values of x; nil stays nil.
func upTo(x []float32, n int) []float32 {
	if x == nil {
		return nil
	}
	return x[:n]
}

func rowMax(x []float32) float32 {
	top := negInf
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

func expSum(dst, x []float32, shift float32) float32 {
	var sum float64
	for i, v := range x {
		p := float32(math.Exp(float64(v - shift)))
		dst[i] = p
		sum += float64(p)
	}
	return float32(sum)
}

// norm writes (x−mean)·rstd·w + b.
func norm(dst, x, w, b []float32, mean, rstd float32) {
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

// normSums is a = Σ dy·w and b = Σ dy·w·x̂, x̂ = (x−mean)·rstd, and adds dy·x̂ to dw and dy to db.
func normSums(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32) {
	var sumA, sumB float64
	for i, v := range x {
		v, d := (v-mean)*rstd, dy[i]
		if dw != nil {
			dw[i] += d * v
		}
		if db != nil {
			db[i] += d
		}
		if w != nil {
			d *= w[i]
		}
		sumA += float64(d)
		sumB += float64(d) * float64(v)
	}
	return float32(sumA), float32(sumB)
}

// normSlope adds (dy·w − a − x̂·b)·rstd to dx.
func normSlope(dx, dy, x, w []float32, mean, rstd, a, b float32) {
	for i, v := range x {
		v, d := (v-mean)*rstd, dy[i]
		if w != nil {
			d *= w[i]
		}
		dx[i] += (d - a - v*b) * rstd
	}
}
