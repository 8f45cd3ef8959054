package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// lengths are odd ones on purpose: whole vectors, tails, and the unrolled loops with every kind of rest.
var lengths = []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 257, 1000}

// eachVector runs a test for every family of this machine but the generic one.
func eachVector(t *testing.T, f func(t *testing.T, e *Engine)) {
	for _, e := range Engines() {
		if e.Family() != Generic {
			t.Run(fmt.Sprint(e.Family()), func(t *testing.T) { f(t, e) })
		}
	}
}

const guard = 24

// guarded makes n values between bands that check finds untouched, off elements away from where memory was allocated.
type guarded struct{ all, x []float32 }

func newGuarded(n, off int) guarded {
	all := make([]float32, n+2*guard+off)
	fill(all, 12345)
	return guarded{all, all[guard+off : guard+off+n : guard+off+n]}
}

func (g guarded) check(t *testing.T, what string) {
	t.Helper()
	n := len(g.x)
	lead := len(g.all) - n - guard
	for i, v := range g.all {
		if (i < lead || i >= lead+n) && v != 12345 {
			t.Fatalf("%s: %d values, wrote at %d", what, n, i-lead)
		}
	}
}

func (g guarded) of(f func(i int) float32) guarded {
	for i := range g.x {
		g.x[i] = f(i)
	}
	return g
}

// awkward are values at which loops go wrong.
var awkward = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 6, 5.9999995, -0.625, 0.625, 0.62499994, 1e-30, -1e-30, 1e-40, 87.5, 88.8, 89.5, -87.5, -104, -150,
	1e4, -1e4, 1e20, -1e20, 3e38, -3e38, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
}

// near says whether two values agree to tol, relative above 1 and absolute below; both NaN or both the same infinity agree.
func near(a, b float32, tol float64) bool {
	x, y := float64(a), float64(b)
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return x == y || math.IsNaN(x) && math.IsNaN(y)
	}
	return math.Abs(x-y) <= tol*max(1, math.Abs(y))
}

func normal(r *rand.Rand, scale float64) func(int) float32 {
	return func(int) float32 { return float32(r.NormFloat64() * scale) }
}

func TestActivationsMatchGeneric(t *testing.T) {
	g := &Engine{}
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(1, 2))
		for act := range numActs {
			for _, n := range append(lengths, 5000) {
				off := r.IntN(16)
				x := newGuarded(n, off).of(normal(r, 4))
				for i := range x.x {
					if i < len(awkward) && n >= 100 {
						x.x[i] = awkward[i]
					}
				}
				got, want := newGuarded(n, r.IntN(16)), make([]float32, n)
				e.Apply(act, got.x, x.x)
				g.Apply(act, want, x.x)
				got.check(t, "apply")
				for i := range want {
					if !near(got.x[i], want[i], 3e-7) {
						t.Errorf("act %d of %g: %g, want %g", act, x.x[i], got.x[i], want[i])
					}
				}
				dy := newGuarded(n, 3).of(normal(r, 1))
				dx := newGuarded(n, r.IntN(16)).of(normal(r, 1))
				copy(want, dx.x)
				e.ApplyBackward(act, dx.x, dy.x, x.x)
				g.ApplyBackward(act, want, dy.x, x.x)
				dx.check(t, "backward")
				for i := range want {
					if !near(dx.x[i], want[i], 2e-6) && math.Abs(float64(x.x[i])) < 1e19 {
						t.Errorf("act %d: slope at %g: %g, want %g", act, x.x[i], dx.x[i], want[i])
					}
				}
			}
		}
	})
}

// What an element becomes does not depend on where it lies in a row.
func TestElementsAreAlikeAnywhere(t *testing.T) {
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(3, 4))
		x := newGuarded(300, 0).of(normal(r, 3)).x
		whole, parts := make([]float32, 300), make([]float32, 300)
		for act := range numActs {
			e.Apply(act, whole, x)
			for at, n := 0, 0; at < 300; at += n {
				n = min(1+r.IntN(40), 300-at)
				e.Apply(act, parts[at:at+n], x[at:at+n])
			}
			for i := range whole {
				if math.Float32bits(whole[i]) != math.Float32bits(parts[i]) {
					t.Fatalf("act %d: element %d is %g in the whole row, %g in a part", act, i, whole[i], parts[i])
				}
			}
		}
	})
}

func TestVectorsMatchGeneric(t *testing.T) {
	g := &Engine{}
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, n := range lengths {
			a, b := newGuarded(n, r.IntN(16)).of(normal(r, 1)), newGuarded(n, r.IntN(16)).of(normal(r, 1))
			got, want := newGuarded(n, r.IntN(16)), make([]float32, n)
			same := func(what string, tol float64) {
				t.Helper()
				got.check(t, what)
				for i := range want {
					if !near(got.x[i], want[i], tol) {
						t.Fatalf("%s of %d: element %d is %g, want %g", what, n, i, got.x[i], want[i])
					}
				}
			}
			e.Add(got.x, a.x, b.x)
			g.Add(want, a.x, b.x)
			same("add", 0)
			e.Mul(got.x, a.x, b.x)
			g.Mul(want, a.x, b.x)
			same("mul", 0)
			e.Scale(1.5, got.x)
			g.Scale(1.5, want)
			same("scale", 0)
			e.Axpy(0.3, a.x, got.x)
			g.Axpy(0.3, a.x, want)
			same("axpy", 2e-7)
			for what, pair := range map[string][2]float32{
				"dot": {e.Dot(a.x, b.x), g.Dot(a.x, b.x)}, "sum": {e.Sum(a.x), g.Sum(a.x)},
				"squares": {float32(e.SumSquares(a.x)), float32(g.SumSquares(a.x))},
			} {
				if !near(pair[0], pair[1], 1e-5) {
					t.Errorf("%s of %d: %g, want %g", what, n, pair[0], pair[1])
				}
			}
		}
	})
}

func TestAdamWMatchesGeneric(t *testing.T) {
	o := AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.98, Eps: 1e-8, Decay: 0.05, Scale: 0.5, Bias1: 0.271, Bias2: 0.0588}
	g := &Engine{}
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, n := range lengths {
			var got, want [4]guarded
			for i := range got {
				got[i] = newGuarded(n, r.IntN(16)).of(normal(r, 1))
				if i == 2 {
					got[i].of(func(int) float32 { return r.Float32() })
				}
				want[i] = newGuarded(n, 0)
				copy(want[i].x, got[i].x)
			}
			e.AdamW(o, got[0].x, got[1].x, got[2].x, got[3].x)
			g.AdamW(o, want[0].x, want[1].x, want[2].x, want[3].x)
			for i := range got {
				got[i].check(t, "adamw")
				for j := range got[i].x {
					if !near(got[i].x[j], want[i].x[j], 3e-7) {
						t.Fatalf("array %d of %d: element %d is %g, want %g", i, n, j, got[i].x[j], want[i].x[j])
					}
				}
			}
		}
	})
}
