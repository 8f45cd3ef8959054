package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// team is Workers for tests: tasks go to whoever is free.
type team int

func (n team) Size() int { return int(n) }

func (n team) Do(tasks int, f func(task, worker int)) {
	if n == 1 {
		for i := range tasks {
			f(i, 0)
		}
		return
	}
	next := make(chan int, tasks)
	for i := range tasks {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for w := range int(n) {
		wg.Go(func() {
			for i := range next {
				f(i, w)
			}
		})
	}
	wg.Wait()
}

// storedMat makes a matrix of a stored type from normal values, off bytes away from where memory was allocated and with pad
// bytes between its rows, and what it stands for.
func storedMat(r *rand.Rand, d DType, rows, cols, off, pad int) (Mat, []float32) {
	x := make([]float32, rows*cols)
	m := Mat{DType: d, Rows: rows, Cols: cols, Stride: d.RowBytes(cols) + pad}
	m.Data = make([]byte, off+rows*m.Stride+pad)[off:]
	for i := range rows {
		row := x[i*cols : (i+1)*cols]
		newGuarded(0, 0)
		for k := range row {
			row[k] = float32(r.NormFloat64())
		}
		Encode(d, m.Row(i), row)
		Decode(d, row, m.Row(i))
	}
	return m, x
}

var allDTypes = []DType{F32, F16, BF16, Q8_0, Q4_0, Q4_1}

func TestRowsMatchReference(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range allDTypes {
			for _, compute := range []DType{F32, BF16, Q8_0} {
				t.Run(fmt.Sprintf("%v/%v/%v", e.Family(), d, compute), func(t *testing.T) {
					r := rand.New(rand.NewPCG(1, uint64(d)))
					for _, shape := range [][3]int{{1, 1, 32}, {1, 5, 64}, {2, 7, 96}, {3, 9, 160}, {4, 133, 576}, {9, 21, 96}, {16, 40, 128}, {1, 6, 17}, {2, 3, 47}, {1, 2, 5}, {1, 4, 0}} {
						testRows(t, r, e, d, compute, shape[0], shape[1], shape[2]/d.BlockLen()*d.BlockLen())
					}
				})
			}
		}
	}
}

func testRows(t *testing.T, r *rand.Rand, e *Engine, d, compute DType, m, n, k int) {
	t.Helper()
	b, weights := storedMat(r, d, n, k, r.IntN(3), r.IntN(2)*d.BlockBytes())
	x := newGuarded(m*k, r.IntN(16)).of(normal(r, 1)).x
	c := newGuarded((m-1)*(n+3)+n, r.IntN(16)).of(normal(r, 1))
	was := append([]float32(nil), c.x...)
	bias := newGuarded(n, 0).of(normal(r, 1)).x
	g := &Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(x, m, k, k)}, B: Operand{Mat: b}, C: c.x, LDC: n + 3, Compute: compute}
	switch r.IntN(3) {
	case 0:
		g.Bias, g.Act, g.Scale = bias, SiLU, 0.5
	case 1:
		g.Accumulate = true
	}
	e.rows(team(2), g)
	c.check(t, "rows")
	if compute == Q8_0 && e.int8Rows()[d] != nil {
		roundToInt8(x)
	}
	scale := 1.0
	if g.Scale != 0 {
		scale = float64(g.Scale)
	}
	for i := range m {
		for j := range n + 3 {
			if i*(n+3)+j >= len(c.x) {
				continue
			}
			got := c.x[i*(n+3)+j]
			if j >= n {
				if got != was[i*(n+3)+j] {
					t.Fatalf("%d×%d×%d wrote between the rows of C", m, n, k)
				}
				continue
			}
			var want, norm float64
			for l := range k {
				p := float64(x[i*k+l]) * float64(weights[j*k+l])
				want += p
				norm += p * p
			}
			want *= scale
			if g.Bias != nil {
				want += float64(bias[j])
			}
			if g.Act == SiLU {
				want *= 1 / (1 + math.Exp(-want))
			}
			if g.Accumulate {
				want += float64(was[i*(n+3)+j])
			}
			tol := 3e-6 * (1 + math.Sqrt(norm))
			switch {
			case compute == Q8_0 && e.int8Rows()[d] != nil:
				tol += 2e-5 * math.Sqrt(float64(k)) // Q4_1's minima are summed by themselves
			case compute != F32 && e.int16Rows()[d] != nil && d == Q8_0:
				tol = 1e-4 * (1 + math.Sqrt(norm))
			case compute != F32 && e.int16Rows()[d] != nil:
				tol = 2e-3 * (1 + math.Sqrt(norm)) // half of the inputs are rounded to 11 bits beside the largest
			}
			if math.Abs(float64(got)-want) > tol {
				t.Fatalf("%d×%d×%d: c[%d,%d] is %g, want %g", m, n, k, i, j, got, want)
			}
		}
	}
}

// roundToInt8 makes inputs what the int8 kernels make of them, a block at a time.
func roundToInt8(x []float32) {
	for i := 0; i+32 <= len(x); i += 32 {
		var b int8Block
		b.round(x[i : i+32])
		for l, q := range b.q {
			x[i+l] = b.scale * float32(q)
		}
	}
}

// The int8 kernels against sums of the rounded inputs, which leave only the order of additions.
func TestInt8RowsMatchRoundedInputs(t *testing.T) {
	for _, e := range Engines() {
		if e.int8Rows()[Q8_0] == nil {
			continue
		}
		for _, d := range []DType{Q8_0, Q4_0, Q4_1} {
			r := rand.New(rand.NewPCG(2, uint64(d)))
			for _, k := range []int{32, 64, 96, 128, 160, 192, 224, 256, 576, 1536} {
				b, weights := storedMat(r, d, 6, k, 1, 0)
				x := newGuarded(k, 0).of(normal(r, 1)).x
				c := make([]float32, 6)
				e.rows(team(1), &Gemm{M: 1, N: 6, K: k, A: Operand{Mat: MatF32(x, 1, k, k)}, B: Operand{Mat: b}, C: c, LDC: 6, Compute: Q8_0})
				for n := range c {
					var want float64
					for i := 0; i < k; i += 32 {
						var q int8Block
						q.round(x[i : i+32])
						for l := range 32 {
							want += float64(q.scale) * float64(q.q[l]) * float64(weights[n*k+i+l])
						}
					}
					if math.Abs(float64(c[n])-want) > 2e-5*math.Sqrt(float64(k)) {
						t.Errorf("%v %v: %d columns: row %d gives %g, want %g", e.Family(), d, k, n, c[n], want)
					}
				}
			}
		}
	}
}

// roundedSum is the product of a row of weights with inputs that are rounded as an int16 kernel for that type wants them.
func roundedSum(d DType, x, weights []float32) (sum float64) {
	most, latter := float32(mostInt16), float32(1)
	if d != Q8_0 {
		most, latter = mostPair, 16
	}
	for i := 0; i < len(x); i += 32 {
		scale, inv := int16Scale(x[i:i+32], most)
		for l, v := range x[i : i+32] {
			unit := float32(1)
			if l >= 16 {
				unit = latter
			}
			sum += float64(scale*unit) * math.RoundToEven(float64(v*inv/unit)) * float64(weights[i+l])
		}
	}
	return sum
}

// The int16 kernels against sums of the rounded inputs, in the same way.
func TestInt16RowsMatchRoundedInputs(t *testing.T) {
	for _, e := range Engines() {
		if e.int16Rows()[Q8_0] == nil {
			continue
		}
		for _, d := range []DType{Q8_0, Q4_0, Q4_1} {
			r := rand.New(rand.NewPCG(2, uint64(d)))
			for _, k := range []int{32, 64, 96, 160, 576, 1536} {
				const n = 11
				b, weights := storedMat(r, d, n, k, 1, 0)
				x := newGuarded(k, 1).of(normal(r, 1)).x
				c := make([]float32, n)
				for _, compute := range []DType{BF16, Q8_0} {
					e.rows(team(1), &Gemm{M: 1, N: n, K: k, A: Operand{Mat: MatF32(x, 1, k, k)}, B: Operand{Mat: b}, C: c, LDC: n, Compute: compute})
					for row := range c {
						want := roundedSum(d, x, weights[row*k:(row+1)*k])
						if math.Abs(float64(c[row])-want) > 2e-6*math.Sqrt(float64(k)) {
							t.Errorf("%v %v: %d columns: row %d gives %g, want %g", e.Family(), d, k, row, c[row], want)
						}
					}
				}
			}
		}
	}
}

func TestRoundInt16MatchesGeneric(t *testing.T) {
	if Engines()[len(Engines())-1].Family() < AVX2 {
		t.Skip("this machine has no AVX2: its rounding of inputs was not run")
	}
	r := rand.New(rand.NewPCG(6, 6))
	const n = 11
	x := newGuarded(32*n, 1).of(normal(r, 3)).x
	clear(x[32:64])
	x[70], x[130] = 3e30, 1e-42
	for i := range 32 {
		x[160+i] = float32(i) - 15.5
		x[192+i] = 1e-38 * float32(i-7)
		x[224+i] = 3e-45
	}
	x[256] = -math.MaxFloat32
	for _, d := range []DType{Q8_0, Q4_0, Q4_1} {
		for _, blocks := range []int{1, 2, n - 1, n} {
			var got, want [n + 2]int16Block // pairs take less
			for i := range got {
				fill(got[i].scales[:], canary)
			}
			want = got
			roundInt16(d, unsafe.Pointer(&got), unsafe.Pointer(&x[0]), blocks)
			roundInt16Generic(d, unsafe.Pointer(&want), unsafe.Pointer(&x[0]), blocks)
			const size = unsafe.Sizeof(got)
			a, b := (*[size]byte)(unsafe.Pointer(&got)), (*[size]byte)(unsafe.Pointer(&want))
			for i := range a {
				if a[i] != b[i] {
					t.Errorf("%v: %d blocks: byte %d is %#x, want %#x", d, blocks, i, a[i], b[i])
					break
				}
			}
		}
	}
}

// TestRowsNotFinite: an input that is no number, or infinite, shows in every result.
func TestRowsNotFinite(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range allDTypes {
			r := rand.New(rand.NewPCG(7, uint64(d)))
			b, _ := storedMat(r, d, 9, 128, 0, 0)
			for _, compute := range []DType{F32, BF16, Q8_0} {
				for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
					x, c := newGuarded(128, 0).of(normal(r, 1)).x, make([]float32, 9)
					x[77] = bad
					e.rows(team(1), &Gemm{M: 1, N: 9, K: 128, A: Operand{Mat: MatF32(x, 1, 128, 128)}, B: Operand{Mat: b}, C: c, LDC: 9, Compute: compute})
					for i, v := range c {
						if v*0 == 0 {
							t.Errorf("%v, %v, compute %v: with %v among the inputs result %d is %g", e.Family(), d, compute, bad, i, v)
						}
					}
				}
			}
		}
	}
}

func TestRoundBlocksMatchesGeneric(t *testing.T) {
	if Engines()[len(Engines())-1].Family() < AVX512BF16 {
		t.Skip("this machine has no VNNI: its rounding of inputs was not run")
	}
	r := rand.New(rand.NewPCG(6, 6))
	x := newGuarded(32*9, 1).of(normal(r, 3)).x
	clear(x[32:64])
	x[70], x[100], x[130] = float32(math.Inf(1)), float32(math.NaN()), 1e-42
	for i := range 32 {
		x[160+i] = float32(i) - 15.5
	}
	got := make([]int8Block, 9)
	roundBlocks(got, unsafe.Pointer(&x[0]))
	for i := range got {
		var want int8Block
		want.round(x[32*i : 32*i+32])
		if bad := want.scale*0 != 0; bad {
			if got[i].scale == got[i].scale && want.scale != want.scale {
				t.Errorf("block %d: the scale %g hides a NaN", i, got[i].scale)
			}
		} else if got[i] != want {
			t.Errorf("block %d: %v, want %v", i, got[i], want)
		}
	}
}

func TestRowsAreTheSameForAnyWorkers(t *testing.T) {
	for _, e := range Engines() {
		for _, d := range allDTypes {
			r := rand.New(rand.NewPCG(3, uint64(d)))
			const m, n, k = 3, 301, 1024
			b, _ := storedMat(r, d, n, k, 0, 0)
			x := newGuarded(m*k, 0).of(normal(r, 1)).x
			var first []float32
			for workers := 1; workers <= 7; workers++ {
				c := make([]float32, m*n)
				e.rows(team(workers), &Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(x, m, k, k)}, B: Operand{Mat: b}, C: c, LDC: n, Compute: Q8_0})
				if first == nil {
					first = c
				}
				for i := range c {
					if math.Float32bits(c[i]) != math.Float32bits(first[i]) {
						t.Fatalf("%v %v: element %d differs with %d workers", e.Family(), d, i, workers)
					}
				}
			}
		}
	}
}

func TestRowsDoNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	b, _ := storedMat(r, Q4_1, 64, 512, 0, 0)
	x, c := make([]float32, 512), make([]float32, 64)
	g := &Gemm{M: 1, N: 64, K: 512, A: Operand{Mat: MatF32(x, 1, 512, 512)}, B: Operand{Mat: b}, C: c, LDC: 64, Compute: Q8_0}
	for _, e := range Engines() {
		if n := testing.AllocsPerRun(20, func() { e.rows(team(1), g) }); n > 0 {
			t.Errorf("%v: %g allocations a product", e.Family(), n)
		}
	}
}

// Products of one call are those of calls of their own, whether they share their inputs or not.
func TestRowsTogether(t *testing.T) {
	for _, e := range Engines() {
		r := rand.New(rand.NewPCG(5, 5))
		const m, k = 2, 192
		x, y := newGuarded(m*k, 0).of(normal(r, 1)).x, newGuarded(m*k, 0).of(normal(r, 1)).x
		var together []*Gemm
		var want [][]float32
		for i, d := range []DType{Q4_1, Q4_1, Q8_0, Q8_0, BF16, F32, Q4_0, Q4_1} {
			n := 5 + 8*i
			b, _ := storedMat(r, d, n, k, 0, 0)
			in := x
			if i%4 == 3 {
				in = y
			}
			g := Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(in, m, k, k)}, B: Operand{Mat: b}, C: make([]float32, m*n), LDC: n, Compute: Q8_0}
			alone := g
			alone.C = make([]float32, m*n)
			e.rows(team(1), &alone)
			together, want = append(together, &g), append(want, alone.C)
		}
		e.Gemm(team(3), together...)
		for i, g := range together {
			if !slices.Equal(g.C, want[i]) {
				t.Errorf("%v: product %d of %v differs", e.Family(), i, g.B.DType)
			}
		}
	}
}
