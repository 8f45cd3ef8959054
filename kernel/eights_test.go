package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// inEights is a matrix and a copy of it that lies in eights.
func inEights(r *rand.Rand, d DType, rows, cols int) (plain, eights Mat, x []float32) {
	plain, x = storedMat(r, d, rows, cols, 0, 0)
	eights = plain
	eights.Data = bytes.Clone(plain.Data)
	eights.layInEights(team(2))
	eights.Eights = true
	return plain, eights, x
}

func TestInEightsKeepsTheRows(t *testing.T) {
	for _, d := range []DType{Q8_0, Q4_0} {
		plain, eights, _ := inEights(rand.New(rand.NewPCG(1, 1)), d, 24, 96)
		if bytes.Equal(plain.Data, eights.Data) {
			t.Errorf("%v: nothing moved", d)
		}
		if a, b := slices.Sorted(slices.Values(plain.Data)), slices.Sorted(slices.Values(eights.Data)); !bytes.Equal(a, b) {
			t.Errorf("%v: the bytes are not the same ones", d)
		}
		room := make([]byte, 9*plain.Stride)
		eights.plainRows(room, 6, 15) // of two groups, neither of them whole
		if !bytes.Equal(room, plain.Data[6*plain.Stride:15*plain.Stride]) {
			t.Errorf("%v: rows are not put back as they were", d)
		}
		got, want := make([]float32, 96), make([]float32, 96)
		for i := range plain.Rows {
			plain.Values(want, i)
			eights.Values(got, i)
			if !slices.Equal(got, want) {
				t.Errorf("%v: row %d: %v, want %v", d, i, got, want)
			}
		}
	}
}

// Where InEights lays out nothing, it says so.
func TestInEightsLeavesWhatItCannot(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range allDTypes {
			for _, shape := range []struct{ rows, pad int }{{12, 0}, {16, d.BlockBytes()}, {16, 0}} {
				m, _ := storedMat(rand.New(rand.NewPCG(1, 1)), d, shape.rows, 64, 0, shape.pad)
				was := bytes.Clone(m.Data)
				e.InEights(team(1), &m)
				fits := e.eightRows()[d] != nil && shape.rows%8 == 0 && shape.pad == 0
				if m.Eights != fits || bytes.Equal(m.Data, was) == fits {
					t.Errorf("%v: %v of %d rows, %d bytes between them: in eights %v", e.Family(), d, shape.rows, shape.pad, m.Eights)
				}
			}
		}
	}
}

// Products of few rows against sums of the rounded inputs, as for rows that lie in order; all others, and those of families without a kernel
// for eights, are the same to the bit as if the rows lay in order.
func TestEightsMatchReference(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range []DType{Q8_0, Q4_0} {
			r := rand.New(rand.NewPCG(2, uint64(d)))
			for _, shape := range [][3]int{{1, 8, 32}, {1, 16, 64}, {2, 24, 96}, {1, 104, 160}, {3, 200, 576}, {4, 72, 1536}, {5, 40, 96}, {16, 64, 320}, {17, 64, 320}} {
				m, n, k := shape[0], shape[1], shape[2]
				plain, eights, weights := inEights(r, d, n, k)
				x := newGuarded(m*k, 1).of(normal(r, 1)).x
				bias := newGuarded(n, 0).of(normal(r, 1)).x
				for _, compute := range []DType{F32, BF16, Q8_0} {
					name := fmt.Sprintf("%v %v compute %v, %d×%d×%d", e.Family(), d, compute, m, n, k)
					c := newGuarded((m-1)*(n+3)+n, 1).of(normal(r, 1))
					want := slices.Clone(c.x)
					g := Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(x, m, k, k)}, B: Operand{Mat: eights}, C: c.x, LDC: n + 3, Compute: compute, Bias: bias, Scale: 0.5}
					e.Gemm(team(2), &g)
					c.check(t, name)
					ordered := g
					ordered.B.Mat, ordered.C = plain, want
					e.Gemm(team(2), &ordered)
					if m > e.mostRows(&g) {
						if !slices.Equal(c.x, want) {
							t.Errorf("%s: not what rows in order give", name)
						}
						continue
					}
					for i := range m {
						for j := range n + 3 {
							if at := i*(n+3) + j; j >= n {
								if at < len(want) && c.x[at] != want[at] {
									t.Fatalf("%s: wrote between the rows of C", name)
								}
							} else if sum := roundedSum(d, x[i*k:(i+1)*k], weights[j*k:(j+1)*k]); math.Abs(float64(c.x[at])-0.5*sum-float64(bias[j])) > 2e-6*math.Sqrt(float64(k)) {
								t.Errorf("%s: c[%d,%d] is %g, want %g", name, i, j, c.x[at], 0.5*sum+float64(bias[j]))
							}
						}
					}
				}
			}
		}
	}
}

// with is what a product gives with these weights.
func with(e *Engine, g Gemm, b Mat) []float32 {
	g.B.Mat, g.C = b, make([]float32, g.M*g.LDC)
	e.Gemm(team(2), &g)
	return g.C
}

// A backward pass contracts the rows themselves.
func TestEightsTransposed(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range []DType{Q8_0, Q4_0} {
			r := rand.New(rand.NewPCG(3, uint64(d)))
			const m, n, k = 6, 96, 40
			plain, eights, _ := inEights(r, d, k, n)
			x := newGuarded(m*k, 0).of(normal(r, 1)).x
			g := Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(x, m, k, k)}, B: Operand{Trans: true}, LDC: n, Accumulate: true, Compute: BF16}
			if !slices.Equal(with(e, g, plain), with(e, g, eights)) {
				t.Errorf("%v %v: not what rows in order give", e.Family(), d)
			}
		}
	}
}

// A matrix that is too large to be put into order at once gives the same, part by part.
func TestEightsInParts(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	const m, k = 17, 4096
	n := (eightsPart/Q4_0.RowBytes(k)/8 + 2) * 8
	eights := MatOf(Q4_0, n, k, make([]byte, n*Q4_0.RowBytes(k)))
	for i := range eights.Data {
		eights.Data[i] = byte(r.IntN(64)) // no scale is infinite or no number
	}
	plain := eights
	plain.Data = bytes.Clone(eights.Data)
	eights.layInEights(team(2))
	eights.Eights = true
	x, bias := newGuarded(m*k, 0).of(normal(r, 1)).x, newGuarded(n, 0).of(normal(r, 1)).x
	g := Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(x, m, k, k)}, LDC: n, Bias: bias, Act: GELU, Compute: BF16}
	if !slices.Equal(with(Default(), g, plain), with(Default(), g, eights)) {
		t.Error("not what rows in order give")
	}
}

func TestEightsAreTheSameForAnyWorkers(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range []DType{Q8_0, Q4_0} {
			r := rand.New(rand.NewPCG(5, uint64(d)))
			const m, n, k = 3, 304, 1024
			_, b, _ := inEights(r, d, n, k)
			x := newGuarded(m*k, 0).of(normal(r, 1)).x
			var first []float32
			for workers := 1; workers <= 7; workers++ {
				c := make([]float32, m*n)
				e.Gemm(team(workers), &Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(x, m, k, k)}, B: Operand{Mat: b}, C: c, LDC: n, Compute: BF16})
				if first == nil {
					first = c
				}
				if !slices.Equal(c, first) {
					t.Fatalf("%v %v: differs with %d workers", e.Family(), d, workers)
				}
			}
		}
	}
}
