package kernel

import (
	"fmt"
	"sync"
)

// check panics where the operands, C or Bias are too small for M, N and K.
func (g *Gemm) check() {
	g.A.check("A", g.M, g.K)
	g.B.check("B", g.N, g.K)
	if g.M < 0 || g.N < 0 || g.K < 0 || g.LDC < g.N || (g.M > 0 && len(g.C) < (g.M-1)*g.LDC+g.N) {
		panic(fmt.Sprintf("kernel: gemm: C [%d,%d] with %d elements a row does not fit %d values", g.M, g.N, g.LDC, len(g.C)))
	}
	if g.Bias != nil && len(g.Bias) < g.N {
		panic(fmt.Sprintf("kernel: gemm: bias of %d values for %d columns", len(g.Bias), g.N))
	}
	if g.Accumulate && g.Act != NoAct {
		panic("kernel: gemm: no activation where C is accumulated")
	}
}

func (o *Operand) check(name string, rows, k int) {
	r, c := o.Rows, o.Cols
	if o.Trans {
		r, c = c, r
	}
	if r != rows || c != k {
		panic(fmt.Sprintf("kernel: gemm: %s is [%d,%d], trans %v, where [%d,%d] is wanted", name, o.Rows, o.Cols, o.Trans, rows, k))
	}
	if o.Cols%o.DType.BlockLen() != 0 {
		panic(fmt.Sprintf("kernel: gemm: %s: rows of %d elements are not whole blocks of %v", name, o.Cols, o.DType))
	}
	if o.Rows > 0 && o.Cols > 0 && len(o.Data) < (o.Rows-1)*o.Stride+o.DType.RowBytes(o.Cols) {
		panic(fmt.Sprintf("kernel: gemm: %s: %d bytes do not hold [%d,%d] of %v, %d bytes a row", name, len(o.Data), o.Rows, o.Cols, o.DType, o.Stride))
	}
}

// gemmGeneric is the reference: every sum in f32, in the order of k.
func gemmGeneric(w Workers, g *Gemm) {
	j, _ := spareGeneric.Get().(*genericJob)
	if j == nil {
		j = new(genericJob)
		j.run = j.task
	}
	j.Gemm = g
	w.Do((g.N+genericCols-1)/genericCols, j.run)
	j.Gemm = nil
	spareGeneric.Put(j)
}

// genericCols is how many columns of C a task computes.
const genericCols = 16

// genericJob is a call of gemmGeneric. Jobs are used again, so that a call allocates nothing.
type genericJob struct {
	*Gemm
	run func(task, worker int)
}

var spareGeneric sync.Pool

// task computes a block of columns of C.
func (g *genericJob) task(task, _ int) {
	scale := g.Scale
	if scale == 0 {
		scale = 1
	}
	from := task * genericCols
	cols := min(genericCols, g.N-from)
	s := borrow()
	defer giveBack(s)
	buf := s.take((cols + 1) * g.K)
	a, b := buf[:g.K], buf[g.K:]
	for j := range cols {
		gatherRow(b[j*g.K:(j+1)*g.K], &g.B, from+j)
	}
	for m := range g.M {
		gatherRow(a, &g.A, m)
		c := g.C[m*g.LDC+from : m*g.LDC+from+cols]
		for j := range c {
			var sum float32
			for k, y := range b[j*g.K : (j+1)*g.K] {
				sum += a[k] * y
			}
			sum *= scale
			if g.Bias != nil {
				sum += g.Bias[from+j]
			}
			if g.Accumulate {
				c[j] += sum
			} else {
				c[j] = actOf(g.Act, sum)
			}
		}
	}
}

// gatherRow is operandRow for every type: a quantised matrix that is contracted over its rows is decoded a block at a time.
func gatherRow(dst []float32, o *Operand, row int) {
	size := o.DType.BlockLen()
	if !o.Trans || size == 1 {
		operandRow(dst, o, row)
		return
	}
	var block [32]float32
	at := row / size * o.DType.BlockBytes()
	for k := range dst {
		Decode(o.DType, block[:size], o.Data[k*o.Stride+at:])
		dst[k] = block[row%size]
	}
}
