package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// serial runs tasks one after another, on a claimed number of workers.
type serial struct{ size int }

func (s serial) Do(n int, f func(task, worker int)) {
	for task := range n {
		f(task, task%s.size)
	}
}
func (s serial) Size() int { return s.size }

// crew runs tasks on as many goroutines as it has workers.
type crew struct{ size int }

func (c crew) Do(n int, f func(task, worker int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range c.size {
		wg.Go(func() {
			for task := int(next.Add(1)) - 1; task < n; task = int(next.Add(1)) - 1 {
				f(task, worker)
			}
		})
	}
	wg.Wait()
}
func (c crew) Size() int { return c.size }

// allEngines is every engine of this machine, with both choices for bf16 where there is VDPBF16PS. Families that the
// machine lacks are named on standard error, so that a run without them does not pass for one with them.
func allEngines(t *testing.T) []*Engine {
	t.Helper()
	list := Engines()
	for f := Family(len(list)); f < numFamilies; f++ {
		fmt.Fprintf(os.Stderr, "%s: NOT RUN on %v: this machine lacks it (its packing and operand order are checked by TestEmulated)\n", t.Name(), f)
	}
	for _, e := range Engines() {
		if e.family == AVX512BF16 {
			list = append(list, &Engine{family: e.family, cpu: identity{dotBF16: !e.cpu.dotBF16}})
		}
	}
	return list
}

// problem is a random Gemm with its operands as plain numbers.
type problem struct {
	Gemm
	a, b   []float32 // [M,K], [N,K]
	old    []float32 // C before, [M,N]
	canary []float32 // what C lies in
	offset int       // of C in canary
}

const canary = 12345.678

// operand stores values [rows,k] as a type, at some alignment, in memory that ends or begins at a page that cannot be read.
func operand(rng *rand.Rand, d DType, rows, k int, trans bool) (Operand, []float32) {
	r, c := rows, k
	if trans {
		r, c = c, r
	}
	values := make([]float32, c)
	pad := 0
	if rng.IntN(2) == 0 {
		pad = rng.IntN(9)
		if d == F32 {
			pad *= 4
		}
	}
	m := Mat{DType: d, Rows: r, Cols: c, Stride: d.RowBytes(c) + pad}
	m.Data = fenced((r-1)*m.Stride+d.RowBytes(c), rng.IntN(2) == 0)
	for i := range m.Data {
		m.Data[i] = 0xff // NaN between the rows
	}
	plain := make([]float32, rows*k)
	for i := range r {
		for j := range values {
			values[j] = float32(rng.NormFloat64())
		}
		Encode(d, m.Row(i), values)
		Decode(d, values, m.Row(i))
		for j, x := range values {
			if trans {
				plain[j*k+i] = x
			} else {
				plain[i*k+j] = x
			}
		}
	}
	return Operand{Mat: m, Trans: trans}, plain
}

func randomProblem(rng *rand.Rand, compute DType) *problem {
	p := &problem{}
	size := func() int {
		switch rng.IntN(12) {
		case 0:
			return 1 + rng.IntN(8)
		case 1:
			return 32 * (1 + rng.IntN(4))
		}
		return 1 + rng.IntN(130)
	}
	p.M, p.N, p.K = size(), size(), size()
	switch rng.IntN(24) { // longer than a chunk, more than a block
	case 0:
		p.K = 500 + rng.IntN(1200)
	case 1:
		p.M = 200 + rng.IntN(400)
	case 2:
		p.N = 200 + rng.IntN(400)
	}
	da, db := F32, DType(rng.IntN(int(numDTypes)))
	p.M += fewRows // fewer rows are not a matter of this test
	if db != F32 && db != BF16 {
		p.M += ManyRows
	}
	if rng.IntN(4) == 0 {
		da = DType(rng.IntN(3))
	}
	ta, tb := rng.IntN(3) == 0, rng.IntN(3) == 0
	if db.BlockLen() > 1 {
		if tb {
			p.N = roundUp(p.N, 32)
		} else {
			p.K = roundUp(p.K, 32)
		}
	}
	p.A, p.a = operand(rng, da, p.M, p.K, ta)
	p.B, p.b = operand(rng, db, p.N, p.K, tb)
	p.LDC = p.N + rng.IntN(2)*rng.IntN(20)
	p.offset = 1 + rng.IntN(40)
	p.canary = make([]float32, p.offset+p.M*p.LDC+40)
	for i := range p.canary {
		p.canary[i] = canary
	}
	p.C = p.canary[p.offset : p.offset+(p.M-1)*p.LDC+p.N]
	p.old = make([]float32, p.M*p.N)
	for i := range p.old {
		p.old[i] = float32(rng.NormFloat64())
	}
	p.reset()
	if rng.IntN(2) == 0 {
		p.Scale = float32(rng.NormFloat64())
	}
	if rng.IntN(2) == 0 {
		p.Bias = make([]float32, p.N)
		for i := range p.Bias {
			p.Bias[i] = float32(rng.NormFloat64())
		}
	}
	if rng.IntN(2) == 0 {
		p.Accumulate = true
	} else if rng.IntN(2) == 0 {
		p.Act = Act(1 + rng.IntN(int(Sigmoid)))
	}
	p.Compute = compute
	return p
}

func (p *problem) reset() {
	for m := range p.M {
		copy(p.C[m*p.LDC:m*p.LDC+p.N], p.old[m*p.N:(m+1)*p.N])
	}
}

func (p *problem) String() string {
	return fmt.Sprintf("M=%d N=%d K=%d A=%v trans %v stride %d, B=%v trans %v stride %d, LDC=%d scale %v bias %v act %d add %v compute %v",
		p.M, p.N, p.K, p.A.DType, p.A.Trans, p.A.Stride, p.B.DType, p.B.Trans, p.B.Stride, p.LDC, p.Scale, p.Bias != nil, p.Act, p.Accumulate, p.Compute)
}

// check compares C with sums in float64. The tolerance follows the products' absolute sum: 2⁻²² for f32, 2⁻⁷ for operands
// rounded to bf16, and for int8 half a step of each block of A, against the absolute sum of its weights.
func (p *problem) check() error {
	scale := float64(p.Scale)
	if scale == 0 {
		scale = 1
	}
	for m := range p.M {
		a := p.a[m*p.K : (m+1)*p.K]
		for n := range p.N {
			b := p.b[n*p.K : (n+1)*p.K]
			var sum, size float64
			for k, x := range a {
				sum += float64(x) * float64(b[k])
				size += math.Abs(float64(x) * float64(b[k]))
			}
			tol := size*(1.0/(1<<22)) + 1e-6
			switch {
			case p.Compute == BF16 || p.Compute == Q8_0 && p.B.DType.BlockLen() == 1:
				tol += size / 128
			case p.Compute == Q8_0:
				tol += size / 128
				for k := 0; k < p.K; k += 32 {
					end := min(k+32, p.K)
					var weights float64
					for _, x := range b[k:end] {
						weights += math.Abs(float64(x))
					}
					tol += float64(absMax(a[k:end])) / 250 * weights
				}
			}
			want, tol := scale*sum, tol*math.Abs(scale)
			if p.Bias != nil {
				want += float64(p.Bias[n])
				tol += 1e-7 * math.Abs(float64(p.Bias[n]))
			}
			if p.Accumulate {
				want += float64(p.old[m*p.N+n])
				tol += 1e-7 * math.Abs(float64(p.old[m*p.N+n])) // they may cancel
			} else if p.Act != NoAct {
				want = float64(actOf(p.Act, float32(want)))
				tol = 1.2*tol + 2e-6*math.Abs(want)
			}
			tol += 1e-6 * math.Abs(want)
			if got := float64(p.C[m*p.LDC+n]); !(math.Abs(got-want) <= tol) {
				return fmt.Errorf("C[%d,%d] = %v, want %v ± %.2g", m, n, got, want, tol)
			}
		}
	}
	for i, x := range p.canary {
		if at := i - p.offset; (at < 0 || at >= len(p.C) || at%p.LDC >= p.N) && x != canary {
			return fmt.Errorf("wrote %v outside C, at %d of %d", x, at, len(p.C))
		}
	}
	return nil
}

func TestGemm(t *testing.T) {
	for i, e := range allEngines(t) {
		t.Run(fmt.Sprintf("%v-%v", e.family, e.cpu.dotBF16), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			rounds := 240
			if e.family == Generic {
				rounds = 40
			}
			for round := range rounds {
				compute := [...]DType{F32, BF16, Q8_0}[round%3]
				p := randomProblem(rng, compute)
				e.Gemm(serial{1 + rng.IntN(4)}, &p.Gemm)
				if err := p.check(); err != nil {
					t.Fatalf("%v: %v", p, err)
				}
				takeDownFences()
			}
		})
	}
}

// TestGemmTogether multiplies many at once, as attention does.
func TestGemmTogether(t *testing.T) {
	for _, e := range allEngines(t) {
		rng := rand.New(rand.NewPCG(8, 8))
		var ps []*problem
		var gs []*Gemm
		for i := range 40 {
			ps = append(ps, randomProblem(rng, [...]DType{F32, BF16, Q8_0}[i%3]))
			gs = append(gs, &ps[i].Gemm)
		}
		e.Gemm(crew{3}, gs...)
		for _, p := range ps {
			if err := p.check(); err != nil {
				t.Fatalf("%v: %v: %v", e.family, p, err)
			}
		}
		takeDownFences()
	}
}

// TestGemmSameBytes: how many workers there are changes no byte.
func TestGemmSameBytes(t *testing.T) {
	for _, e := range allEngines(t) {
		if e.family == Generic {
			continue
		}
		rng := rand.New(rand.NewPCG(9, 9))
		for round := range 9 {
			p := randomProblem(rng, [...]DType{F32, BF16, Q8_0}[round%3])
			if round < 6 { // large enough to be cut differently
				p = bigProblem(rng, 100+rng.IntN(600), 100+rng.IntN(600), 32*(1+rng.IntN(40)), [...]DType{F32, BF16, Q8_0}[round%3])
			}
			var first []float32
			for workers := 1; workers <= 7; workers++ {
				p.reset()
				e.Gemm(crew{workers}, &p.Gemm)
				if first == nil {
					first = append(first, p.C...)
					continue
				}
				for i, x := range p.C {
					if math.Float32bits(x) != math.Float32bits(first[i]) {
						t.Fatalf("%v: %v: element %d is %v with %d workers, %v with one", e.family, p, i, x, workers, first[i])
					}
				}
			}
			takeDownFences()
		}
	}
}

func bigProblem(rng *rand.Rand, m, n, k int, compute DType) *problem {
	p := &problem{Gemm: Gemm{M: m, N: n, K: k, Compute: compute, LDC: n}}
	db := F32
	if compute == Q8_0 {
		db = Q8_0
	}
	p.A, p.a = operand(rng, F32, m, k, compute == BF16)
	p.B, p.b = operand(rng, db, n, k, false)
	p.canary = make([]float32, m*n)
	p.C = p.canary
	p.old = make([]float32, m*n)
	return p
}

// TestGemmStreamed: a C that is too large for the caches is written past them, but for the columns that fill no panel.
func TestGemmStreamed(t *testing.T) {
	const m, n, k = streamLeast/512 + 5, 512 + 16, 32
	rng := rand.New(rand.NewPCG(10, 10))
	a, b, bias := make([]float32, m*k), make([]float32, n*k), make([]float32, n)
	for _, x := range [][]float32{a, b, bias} {
		for i := range x {
			x[i] = float32(rng.IntN(9) - 4) // exact in every type
		}
	}
	for _, e := range allEngines(t) {
		if e.family == Generic {
			continue
		}
		for _, compute := range []DType{F32, BF16} {
			c := make([]float32, m*n)
			e.Gemm(crew{2}, &Gemm{
				M: m, N: n, K: k, A: Operand{Mat: MatF32(a, m, k, k)}, B: Operand{Mat: MatF32(b, n, k, k)},
				C: c, LDC: n, Scale: 0.5, Bias: bias, Compute: compute,
			})
			for range 20000 {
				i, j := rng.IntN(m), rng.IntN(n)
				if want := 0.5*dot(a[i*k:(i+1)*k], b[j*k:(j+1)*k]) + bias[j]; c[i*n+j] != want {
					t.Fatalf("%v, compute %v: C[%d,%d] = %v, want %v", e.family, compute, i, j, c[i*n+j], want)
				}
			}
		}
	}
}

// TestGemmNotFinite: a NaN or an infinity in A shows in its row of C and nowhere else.
func TestGemmNotFinite(t *testing.T) {
	for _, e := range allEngines(t) {
		for _, compute := range []DType{F32, BF16, Q8_0} {
			for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
				const m, n, k = 37, 41, 96
				a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
				for i := range a {
					a[i] = 1 + float32(i%5)
				}
				for i := range b {
					b[i] = 1 + float32(i%3)
				}
				a[20*k+50] = bad
				stored := make([]byte, n*Q8_0.RowBytes(k))
				Encode(Q8_0, stored, b)
				for _, weights := range []Mat{MatF32(b, n, k, k), MatOf(Q8_0, n, k, stored)} {
					e.Gemm(serial{1}, &Gemm{M: m, N: n, K: k, A: Operand{Mat: MatF32(a, m, k, k)}, B: Operand{Mat: weights}, C: c, LDC: n, Compute: compute})
					for i, x := range c {
						finite := !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0)
						if finite == (i/n == 20) {
							t.Fatalf("%v, compute %v, weights %v, %v in row 20: C[%d,%d] = %v", e.family, compute, weights.DType, bad, i/n, i%n, x)
						}
					}
				}
			}
		}
	}
}

// TestGemmNoGarbage: after a first run nothing is allocated.
func TestGemmNoGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, e := range allEngines(t) {
		if e.family == Generic {
			continue
		}
		for _, compute := range []DType{F32, BF16, Q8_0} {
			p := bigProblem(rng, 300, 200, 640, compute)
			g := []*Gemm{&p.Gemm}
			w := Workers(serial{2})
			if n := testing.AllocsPerRun(5, func() { e.Gemm(w, g...) }); n > 0 {
				t.Errorf("%v, compute %v: %v allocations", e.family, compute, n)
			}
			takeDownFences()
		}
	}
}

func TestGemmPanics(t *testing.T) {
	x := make([]float32, 100)
	for name, g := range map[string]*Gemm{
		"rows of A": {M: 5, N: 5, K: 5, A: Operand{Mat: MatF32(x, 4, 5, 5)}, B: Operand{Mat: MatF32(x, 5, 5, 5)}, C: x, LDC: 5},
		"short B":   {M: 5, N: 5, K: 5, A: Operand{Mat: MatF32(x, 5, 5, 5)}, B: Operand{Mat: MatF32(x[:20], 5, 5, 5)}, C: x, LDC: 5},
		"short C":   {M: 5, N: 5, K: 5, A: Operand{Mat: MatF32(x, 5, 5, 5)}, B: Operand{Mat: MatF32(x, 5, 5, 5)}, C: x[:24], LDC: 5},
		"bias":      {M: 5, N: 5, K: 5, A: Operand{Mat: MatF32(x, 5, 5, 5)}, B: Operand{Mat: MatF32(x, 5, 5, 5)}, C: x, LDC: 5, Bias: x[:4]},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Default().Gemm(serial{1}, g)
		})
	}
}

func TestUse(t *testing.T) {
	before := Default()
	defer chosen.Store(before)
	for _, e := range Engines() {
		if err := Use(e.Family().String()); err != nil || Default() != e {
			t.Errorf("Use(%v): %v, %v", e.Family(), err, Default().Family())
		}
	}
	if err := Use("mmx"); err == nil {
		t.Error("Use(mmx) did not fail")
	}
	for f := Family(len(Engines())); f < numFamilies; f++ {
		if err := Use(f.String()); err == nil {
			t.Error("Use of a family that is not there did not fail")
		}
	}
	if err := Use("auto"); err != nil || Default() != Engines()[len(Engines())-1] {
		t.Errorf("Use(auto): %v, %v", err, Default().Family())
	}
}
