package tensor

import (
	"fmt"

	"dragoman/kernel"
)

// linearOp is y = act(x·wᵀ + b). For its backward it keeps x and, if there is an activation, what the activation was
// applied to.
type linearOp struct {
	x, w, b, y *Tensor
	before     []float32 // x·wᵀ + b
	act        kernel.Act
}

// Linear is x·wᵀ + b, then act: x [..., in], w [out, in], b [out] or nil.
func (r *Run) Linear(x, w, b *Tensor, act kernel.Act) *Tensor {
	var ys [1]*Tensor
	r.Linears(ys[:], x, Projection{W: w, B: b, Act: act})
	return ys[0]
}

// Projection is one of the linear maps that Linears applies.
type Projection struct {
	W, B *Tensor // [out, in]; [out] or nil
	Act  kernel.Act
}

// Linears applies several linear maps to the same x at once (queries, keys and values; gate and up), and puts the results
// into ys. With few rows that is faster than one after another.
func (r *Run) Linears(ys []*Tensor, x *Tensor, ps ...Projection) {
	rows := x.Rows()
	r.gemms = r.gemms[:0]
	first := len(r.tape)
	for i, p := range ps {
		out, in := p.W.Rows(), p.W.Dim(-1)
		if x.Dim(-1) != in || p.B != nil && p.B.Len() != out {
			panic(fmt.Sprintf("tensor: linear of %v with weight %v and bias %v", x.shape, p.W.shape, shapeOf(p.B)))
		}
		y := r.newLast(x, out)
		ys[i] = y
		g := kernel.Gemm{
			M: rows, N: out, K: in, A: kernel.Operand{Mat: x.Mat()}, B: kernel.Operand{Mat: p.W.Mat()},
			C: y.data, LDC: out, Bias: p.B.floats(), Act: p.Act, Compute: r.opt.Compute,
		}
		if r.wants(x, p.W, p.B) {
			o := op[linearOp](r)
			o.x, o.w, o.b, o.y, o.act = x, p.W, p.B, y, p.Act
			if p.Act != kernel.NoAct {
				o.before = r.arena.alloc(rows * out)
				g.C, g.Act = o.before, kernel.NoAct
			}
			r.record(o)
		}
		r.gemms = append(r.gemms, g)
	}
	r.multiply()
	for _, o := range r.tape[first:] {
		if o, ok := o.(*linearOp); ok && o.before != nil {
			r.each(len(o.before), 8, o)
		}
	}
}

// span applies the activation where what it is applied to must be kept.
func (o *linearOp) span(r *Run, _, from, to int) {
	r.eng.Apply(o.act, o.y.data[from:to], o.before[from:to])
}

func (o *linearOp) result() *Tensor { return o.y }

func (o *linearOp) backward(r *Run, dy []float32) {
	rows, in, out := o.x.Rows(), o.x.Dim(-1), o.y.Dim(-1)
	if o.before != nil {
		// What was kept becomes the gradient before the activation, in place.
		b := op[actBackward](r)
		b.act, b.x, b.dy = o.act, o.before, dy
		r.each(len(dy), 8, b)
		dy = o.before
	}
	if db := r.addGrad(o.b); db != nil {
		r.sumRows(db, dy)
	}
	g := linearGrad{rows: rows, in: in, out: out, dy: dy, x: o.x.Mat(), w: o.w}
	r.gemms = r.gemms[:0]
	if dw, fresh := r.grad(o.w); dw != nil {
		r.gemms = append(r.gemms, g.weightProduct(r, dw, fresh))
	}
	if dx, fresh := r.grad(o.x); dx != nil {
		r.gemms = append(r.gemms, g.inputProduct(r, dx, fresh))
	}
	r.multiply()
	if o.before != nil {
		r.arena.free(o.before)
		o.before = nil
	}
}

// linearGrad is what the gradients of x·wᵀ come from: dy [rows, out], x [rows, in], w [out, in].
type linearGrad struct {
	rows, in, out int
	dy            []float32
	stride        int // from one row of dy to the next; 0: they are dense
	x             kernel.Mat
	w             *Tensor
}

// outer is dy as an operand.
func (g *linearGrad) outer(trans bool) kernel.Operand {
	return kernel.Operand{Mat: kernel.MatF32(g.dy, g.rows, g.out, max(g.stride, g.out)), Trans: trans}
}

// weightGrads adds the gradients of the weight and the bias.
func (r *Run) weightGrads(g linearGrad, bias *Tensor) {
	if db := r.addGrad(bias); db != nil {
		r.sumRows(db, g.dy)
	}
	if dw, fresh := r.grad(g.w); dw != nil {
		r.gemm(g.weightProduct(r, dw, fresh))
	}
}

// inputGrad sets or adds the gradient of x.
func (g *linearGrad) inputGrad(r *Run, dx []float32, fresh bool) {
	r.gemm(g.inputProduct(r, dx, fresh))
}

// weightProduct is dw = dyᵀ·x.
func (g *linearGrad) weightProduct(r *Run, dw []float32, fresh bool) kernel.Gemm {
	return kernel.Gemm{
		M: g.out, N: g.in, K: g.rows,
		A: g.outer(true), B: kernel.Operand{Mat: g.x, Trans: true},
		C: dw, LDC: g.in, Accumulate: !fresh, Compute: r.opt.Compute,
	}
}

// inputProduct is dx = dy·w.
func (g *linearGrad) inputProduct(r *Run, dx []float32, fresh bool) kernel.Gemm {
	return kernel.Gemm{
		M: g.rows, N: g.in, K: g.out,
		A: g.outer(false), B: kernel.Operand{Mat: g.w.Mat(), Trans: true},
		C: dx, LDC: g.in, Accumulate: !fresh, Compute: r.opt.Compute,
	}
}

// strip is how many values an operation of several steps does at a time, so that they stay in the nearest cache.
const strip = 1024

// actBackward turns x in place into dy·act'(x).
type actBackward struct {
	act   kernel.Act
	x, dy []float32
}

func (b *actBackward) span(r *Run, worker, from, to int) {
	buffer := r.scratch(worker, strip)
	for at := from; at < to; at += strip {
		end := min(at+strip, to)
		dx := buffer[:end-at]
		clear(dx)
		r.eng.ApplyBackward(b.act, dx, b.dy[at:end], b.x[at:end])
		copy(b.x[at:end], dx)
	}
}

// newLast makes an activation of x's shape with another last axis.
func (r *Run) newLast(x *Tensor, last int) *Tensor {
	y := r.view(x.shape)
	y.shape[len(y.shape)-1] = last
	y.data = r.arena.alloc(Count(y.shape))
	y.run = true
	return y
}

func shapeOf(t *Tensor) []int {
	if t == nil {
		return nil
	}
	return t.shape
}

// matMulOp is y = a·b or a·bᵀ; it keeps both.
type matMulOp struct {
	a, b, y *Tensor
	transB  bool
}

// MatMul is a·b for two matrices, or a·bᵀ with transB: a [m, k], b [k, n] (or [n, k]). It computes in float32 whatever the
// run does: what it is for, similarities, is small, and a temperature magnifies its errors.
func (r *Run) MatMul(a, b *Tensor, transB bool) *Tensor {
	if len(a.shape) != 2 || len(b.shape) != 2 || transB && a.shape[1] != b.shape[1] || !transB && a.shape[1] != b.shape[0] {
		panic(fmt.Sprintf("tensor: product of %v and %v (second transposed: %v)", a.shape, b.shape, transB))
	}
	m, k, n := a.shape[0], a.shape[1], b.shape[1]
	if transB {
		n = b.shape[0]
	}
	y := r.New(m, n)
	r.gemm(kernel.Gemm{
		M: m, N: n, K: k, A: kernel.Operand{Mat: a.Mat()}, B: kernel.Operand{Mat: b.Mat(), Trans: !transB},
		C: y.data, LDC: n,
	})
	if r.wants(a, b) {
		o := op[matMulOp](r)
		o.a, o.b, o.y, o.transB = a, b, y, transB
		r.record(o)
	}
	return y
}

func (o *matMulOp) result() *Tensor { return o.y }

func (o *matMulOp) backward(r *Run, dy []float32) {
	m, n := o.y.shape[0], o.y.shape[1]
	k := o.a.shape[1]
	d := kernel.MatF32(dy, m, n, n)
	if da, fresh := r.grad(o.a); da != nil {
		r.gemm(kernel.Gemm{
			M: m, N: k, K: n, A: kernel.Operand{Mat: d}, B: kernel.Operand{Mat: o.b.Mat(), Trans: o.transB},
			C: da, LDC: k, Accumulate: !fresh,
		})
	}
	db, fresh := r.grad(o.b)
	if db == nil {
		return
	}
	g := kernel.Gemm{C: db, Accumulate: !fresh}
	left := kernel.Operand{Mat: o.a.Mat(), Trans: true}
	right := kernel.Operand{Mat: d, Trans: true}
	if o.transB { // db = dyᵀ·a
		g.M, g.N, g.K, g.LDC, g.A, g.B = n, k, m, k, right, left
	} else { // db = aᵀ·dy
		g.M, g.N, g.K, g.LDC, g.A, g.B = k, n, m, n, left, right
	}
	r.gemm(g)
}

// multiply computes the products collected in r.gemms, which do not depend on each other.
func (r *Run) multiply() {
	if len(r.gemms) == 0 {
		return
	}
	r.products = r.products[:0]
	for i := range r.gemms {
		r.products = append(r.products, &r.gemms[i])
	}
	r.eng.Gemm(r.pool, r.products...)
}

// gemm computes one product.
func (r *Run) gemm(g kernel.Gemm) {
	r.gemms = append(r.gemms[:0], g)
	r.multiply()
}

// rowSum adds the rows of x to dst.
type rowSum struct {
	dst, x []float32
}

// sumRows adds the rows of x, as wide as dst, to dst. Workers share the columns, so that the order of the sums is the rows'.
func (r *Run) sumRows(dst, x []float32) {
	s := op[rowSum](r)
	s.dst, s.x = dst, x
	blocks := (len(dst) + sumBlock - 1) / sumBlock
	r.each(blocks, len(x)/max(1, len(dst))*sumBlock, s)
}

const sumBlock = 128 // columns

func (s *rowSum) span(r *Run, _, from, to int) {
	width := len(s.dst)
	a, b := from*sumBlock, min(to*sumBlock, width)
	for at := 0; at < len(s.x); at += width {
		r.eng.Axpy(1, s.x[at+a:at+b], s.dst[a:b])
	}
}
