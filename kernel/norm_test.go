package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSoftmaxMatchesGeneric(t *testing.T) {
	g := &Engine{}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(1, 2))
		try := func(values []float32) {
			t.Helper()
			got, want := newGuarded(len(values), r.IntN(16)), make([]float32, len(values))
			copy(got.x, values)
			copy(want, values)
			lse := e.LogSumExp(values, make([]float32, len(values)))
			a, b := e.Softmax(got.x), g.Softmax(want)
			got.check(t, "softmax")
			if !near(a, b, 1e-6) || !near(lse, b, 1e-6) {
				t.Errorf("log Σ exp of %d: %g and %g, want %g", len(values), a, lse, b)
			}
			for i := range want {
				if !near(got.x[i], want[i], 3e-7) || want[i] == 0 && got.x[i] != 0 {
					t.Fatalf("softmax of %d: element %d is %g, want %g", len(values), i, got.x[i], want[i])
				}
			}
		}
		for _, n := range lengths {
			x := newGuarded(n, 0).of(normal(r, 5)).x
			try(x)
			if n == 0 {
				continue
			}
			x[r.IntN(n)] = -inf
			try(x)
			x[r.IntN(n)] = 1e30
			try(x)
			x[r.IntN(n)] = nan
			try(x)
			fill(x, -inf)
			try(x)
			x[n/2] = nan
			try(x)
			x[n/2] = inf
			try(x)
		}
	})
}

func TestNormsMatchGeneric(t *testing.T) {
	g := &Engine{}
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, n := range lengths[1:] {
			x := newGuarded(n, r.IntN(16)).of(func(int) float32 { return float32(r.NormFloat64()) + 3 })
			w, b := newGuarded(n, r.IntN(16)).of(normal(r, 1)), newGuarded(n, r.IntN(16)).of(normal(r, 1))
			dy := newGuarded(n, r.IntN(16)).of(normal(r, 1))
			for _, plain := range []bool{false, true} {
				weight, bias := w.x, b.x
				if plain {
					weight, bias = nil, nil
				}
				got, want := newGuarded(n, r.IntN(16)), make([]float32, n)
				same := func(what string, got guarded, want []float32) {
					t.Helper()
					got.check(t, what)
					for i := range want {
						if !near(got.x[i], want[i], 4e-6) {
							t.Fatalf("%s of %d: element %d is %g, want %g", what, n, i, got.x[i], want[i])
						}
					}
				}
				mean, rstd := e.LayerNorm(got.x, x.x, weight, bias, 1e-5)
				mean2, rstd2 := g.LayerNorm(want, x.x, weight, bias, 1e-5)
				if n == 1 { // rstd is 1/√eps: nothing else to compare
					continue
				}
				if !near(mean, mean2, 1e-6) || !near(rstd, rstd2, 1e-5) {
					t.Errorf("layer norm of %d: mean %g, want %g; rstd %g, want %g", n, mean, mean2, rstd, rstd2)
				}
				same("layer norm", got, want)
				dx, dw, db := newGuarded(n, 1).of(normal(r, 1)), newGuarded(n, 2).of(normal(r, 1)), newGuarded(n, 3).of(normal(r, 1))
				dx2, dw2, db2 := append([]float32(nil), dx.x...), append([]float32(nil), dw.x...), append([]float32(nil), db.x...)
				if plain {
					e.LayerNormBackward(dx.x, dy.x, x.x, nil, nil, nil, mean2, rstd2)
					g.LayerNormBackward(dx2, dy.x, x.x, nil, nil, nil, mean2, rstd2)
				} else {
					e.LayerNormBackward(dx.x, dy.x, x.x, weight, dw.x, db.x, mean2, rstd2)
					g.LayerNormBackward(dx2, dy.x, x.x, weight, dw2, db2, mean2, rstd2)
				}
				same("layer norm: dx", dx, dx2)
				same("layer norm: dw", dw, dw2)
				same("layer norm: db", db, db2)

				rstd, rstd2 = e.RMSNorm(got.x, x.x, weight, 1e-5), g.RMSNorm(want, x.x, weight, 1e-5)
				if !near(rstd, rstd2, 1e-6) {
					t.Errorf("rms norm of %d: rstd %g, want %g", n, rstd, rstd2)
				}
				same("rms norm", got, want)
				e.RMSNormBackward(dx.x, dy.x, x.x, weight, dw.x, rstd2)
				g.RMSNormBackward(dx2, dy.x, x.x, weight, dw2, rstd2)
				same("rms norm: dx", dx, dx2)
				same("rms norm: dw", dw, dw2)
			}
		}
	})
}

// The gradients of both norms by central differences in float64, from the generic loops.
func TestNormGradients(t *testing.T) {
	const n, eps = 11, 1e-5
	r := rand.New(rand.NewPCG(5, 6))
	x, w, dy := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		x[i], w[i], dy[i] = r.NormFloat64()+1, r.NormFloat64(), r.NormFloat64()
	}
	loss := func(centred bool) float64 {
		var mean, sum, l float64
		for _, v := range x {
			if centred {
				mean += v / n
			}
		}
		for _, v := range x {
			sum += (v - mean) * (v - mean)
		}
		for i, v := range x {
			l += dy[i] * w[i] * (v - mean) / math.Sqrt(sum/n+eps)
		}
		return l
	}
	narrow := func(x []float64) []float32 {
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = float32(v)
		}
		return y
	}
	for _, e := range Engines() {
		for _, centred := range []bool{true, false} {
			dx, dw, out := make([]float32, n), make([]float32, n), make([]float32, n)
			if centred {
				mean, rstd := e.LayerNorm(out, narrow(x), narrow(w), nil, eps)
				e.LayerNormBackward(dx, narrow(dy), narrow(x), narrow(w), dw, nil, mean, rstd)
			} else {
				rstd := e.RMSNorm(out, narrow(x), narrow(w), eps)
				e.RMSNormBackward(dx, narrow(dy), narrow(x), narrow(w), dw, rstd)
			}
			slope := func(at *float64) float64 {
				const h = 1e-6
				was := *at
				*at = was + h
				up := loss(centred)
				*at = was - h
				down := loss(centred)
				*at = was
				return (up - down) / (2 * h)
			}
			for i := range x {
				if d := slope(&x[i]); math.Abs(d-float64(dx[i])) > 1e-5 {
					t.Errorf("%v, centred %v: dx[%d] is %g, want %g", e.Family(), centred, i, dx[i], d)
				}
				if d := slope(&w[i]); math.Abs(d-float64(dw[i])) > 1e-5 {
					t.Errorf("%v, centred %v: dw[%d] is %g, want %g", e.Family(), centred, i, dw[i], d)
				}
			}
		}
	}
}

// TestSoftmaxOfHidden puts hidden scores behind a row, which change nothing of it by a bit.
func TestSoftmaxOfHidden(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 15))
	for _, e := range Engines() {
		for n := 1; n < 100; n++ {
			for _, hidden := range []int{1, 2, 7, 8, 16, 33} {
				row := make([]float32, n)
				for i := range row {
					row[i] = float32(3 * rng.NormFloat64())
				}
				longer := slices.Concat(row, slices.Repeat([]float32{negInf}, hidden))
				if sum, same := e.Softmax(row), e.Softmax(longer); sum != same || !slices.Equal(row, longer[:n]) {
					t.Fatalf("%v: %d scores before %d that are hidden: %v, %v alone", e.family, n, hidden, longer, row)
				}
			}
		}
	}
}
