//go:build amd64 && !purego

package kernel

// reluAVX512: dst[i] = max(x[i], 0)
//
//go:noescape
func reluAVX512(dst, x []float32)

// relu6AVX512: dst[i] = min(max(x[i], 0), 6)
//
//go:noescape
func relu6AVX512(dst, x []float32)

// geluAVX512: dst[i] = x[i] * Φ(x[i])
//
//go:noescape
func geluAVX512(dst, x []float32)

// gatedAVX512: dst[i] = x[i] * sigmoid(x[i]*(alpha+beta*x[i]*x[i]))
//
//go:noescape
func gatedAVX512(dst, x []float32, alpha, beta float32)

// tanhAVX512: dst[i] = tanh(x[i])
//
//go:noescape
func tanhAVX512(dst, x []float32)

// sigmoidAVX512: dst[i] = 1 / (1 + exp(-x[i]))
//
//go:noescape
func sigmoidAVX512(dst, x []float32)

// geluSlopeAVX512: dx[i] += dy[i] * (Φ(x[i]) + x[i]*φ(x[i]))
//
//go:noescape
func geluSlopeAVX512(dx, dy, x []float32)

// gatedSlopeAVX512: dx[i] += dy[i] * derivative of gated at x[i]
//
//go:noescape
func gatedSlopeAVX512(dx, dy, x []float32, alpha, beta float32)

// tanhSlopeAVX512: dx[i] += dy[i] * (1 - tanh(x[i])²)
//
//go:noescape
func tanhSlopeAVX512(dx, dy, x []float32)

// sigmoidSlopeAVX512: dx[i] += dy[i] * σ(x[i]) * (1 - σ(x[i]))
//
//go:noescape
func sigmoidSlopeAVX512(dx, dy, x []float32)

// addAVX512: dst[i] = a[i] + b[i]
//
//go:noescape
func addAVX512(dst, a, b []float32)

// mulAVX512: dst[i] = a[i] * b[i]
//
//go:noescape
func mulAVX512(dst, a, b []float32)

// scaleAVX512: x[i] *= s
//
//go:noescape
func scaleAVX512(s float32, x []float32)

// axpyAVX512: y[i] += alpha * x[i]
//
//go:noescape
func axpyAVX512(alpha float32, x, y []float32)

// dotAVX512: ret += a[i] * b[i]
//
//go:noescape
func dotAVX512(a, b []float32) float32

// sumAVX512: ret += x[i]
//
//go:noescape
func sumAVX512(x []float32) float32

// spreadAVX512: ret += (x[i] - mean)²
//
//go:noescape
func spreadAVX512(x []float32, mean float32) float32

// squaresAVX512: sums[i%lanes] += float64(x[i])²
//
//go:noescape
func squaresAVX512(sums *[8]float64, x []float32)

// rowMaxAVX512: ret = max(ret, x[i])
//
//go:noescape
func rowMaxAVX512(x []float32) float32

// expSumAVX512: dst[i] = exp(x[i] - shift); ret += dst[i]
//
//go:noescape
func expSumAVX512(dst, x []float32, shift float32) float32

// normAVX512: dst[i] = (x[i]-mean)*rstd*w[i] + b[i]
//
//go:noescape
func normAVX512(dst, x, w, b []float32, mean, rstd float32)

// normSlopeAVX512: dx[i] += (dy[i]*w[i] - a - (x[i]-mean)*rstd*b) * rstd
//
//go:noescape
func normSlopeAVX512(dx, dy, x, w []float32, mean, rstd, a, b float32)

// normSumsAVX512: x̂ := (x[i]-mean)*rstd; a += dy[i]*w[i]; b += dy[i]*w[i]*x̂; dw[i] += dy[i]*x̂; db[i] += dy[i]
//
//go:noescape
func normSumsAVX512(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32)

// adamWAVX512: as stepGeneric
//
//go:noescape
func adamWAVX512(o *adamStep, p, m, v, g []float32)

//go:noescape
func reluAVX2(dst, x []float32)

//go:noescape
func relu6AVX2(dst, x []float32)

//go:noescape
func geluAVX2(dst, x []float32)

//go:noescape
func gatedAVX2(dst, x []float32, alpha, beta float32)

//go:noescape
func tanhAVX2(dst, x []float32)

//go:noescape
func sigmoidAVX2(dst, x []float32)

//go:noescape
func reluSlopeAVX2(dx, dy, x []float32)

//go:noescape
func geluSlopeAVX2(dx, dy, x []float32)

//go:noescape
func gatedSlopeAVX2(dx, dy, x []float32, alpha, beta float32)

//go:noescape
func tanhSlopeAVX2(dx, dy, x []float32)

//go:noescape
func sigmoidSlopeAVX2(dx, dy, x []float32)

//go:noescape
func addAVX2(dst, a, b []float32)

//go:noescape
func mulAVX2(dst, a, b []float32)

//go:noescape
func scaleAVX2(s float32, x []float32)

//go:noescape
func axpyAVX2(alpha float32, x, y []float32)

//go:noescape
func dotAVX2(a, b []float32) float32

//go:noescape
func sumAVX2(x []float32) float32

//go:noescape
func spreadAVX2(x []float32, mean float32) float32

//go:noescape
func squaresAVX2(sums *[8]float64, x []float32)

//go:noescape
func rowMaxAVX2(x []float32) float32

//go:noescape
func expSumAVX2(dst, x []float32, shift float32) float32

//go:noescape
func normAVX2(dst, x, w, b []float32, mean, rstd float32)

//go:noescape
func normSlopeAVX2(dx, dy, x, w []float32, mean, rstd, a, b float32)

//go:noescape
func normSumsAVX2(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32)

//go:noescape
func adamWAVX2(o *adamStep, p, m, v, g []float32)
