package tensor

import (
	"fmt"

	"dragoman/kernel"
)

// feedForwardOp is y = act(x·w1ᵀ + b1)·w2ᵀ + b2. It keeps x and what the activation was applied to, and computes the
// activation again: the inner width is several times the outer, and most of what a transformer keeps.
type feedForwardOp struct {
	x, w1, b1, w2, b2, y *Tensor
	before, inner        []float32 // [rows, inner width]: before the activation, and after it
	act                  kernel.Act
}

// FeedForward is Linear(Linear(x, w1, b1, act), w2, b2), the same to the byte, keeping less: w1 [inner, in], w2 [out, inner].
func (r *Run) FeedForward(x, w1, b1 *Tensor, act kernel.Act, w2, b2 *Tensor) *Tensor {
	if !r.wants(x, w1, b1, w2, b2) {
		return r.Linear(r.Linear(x, w1, b1, act), w2, b2, kernel.NoAct)
	}
	rows, in, inner, out := x.Rows(), x.Dim(-1), w1.Rows(), w2.Rows()
	if w1.Dim(-1) != in || w2.Dim(-1) != inner || b1 != nil && b1.Len() != inner || b2 != nil && b2.Len() != out {
		panic(fmt.Sprintf("tensor: feed-forward of %v with %v, %v, %v and %v", x.shape, w1.shape, shapeOf(b1), w2.shape, shapeOf(b2)))
	}
	o := op[feedForwardOp](r)
	o.x, o.w1, o.b1, o.w2, o.b2, o.act = x, w1, b1, w2, b2, act
	o.y = r.newLast(x, out)
	o.before, o.inner = r.arena.alloc(rows*inner), r.arena.alloc(rows*inner)
	r.gemm(kernel.Gemm{
		M: rows, N: inner, K: in, A: kernel.Operand{Mat: x.Mat()}, B: kernel.Operand{Mat: w1.Mat()},
		C: o.before, LDC: inner, Bias: b1.floats(), Compute: r.opt.Compute,
	})
	r.each(rows*inner, 8, o)
	r.gemm(kernel.Gemm{
		M: rows, N: out, K: inner, A: kernel.Operand{Mat: kernel.MatF32(o.inner, rows, inner, inner)}, B: kernel.Operand{Mat: w2.Mat()},
		C: o.y.data, LDC: out, Bias: b2.floats(), Compute: r.opt.Compute,
	})
	r.arena.free(o.inner)
	r.record(o)
	return o.y
}

// span applies the activation.
func (o *feedForwardOp) span(r *Run, _, from, to int) {
	r.eng.Apply(o.act, o.inner[from:to], o.before[from:to])
}

func (o *feedForwardOp) result() *Tensor { return o.y }

func (o *feedForwardOp) backward(r *Run, dy []float32) {
	rows, in, inner, out := o.x.Rows(), o.x.Dim(-1), o.w1.Rows(), o.y.Dim(-1)
	o.inner = r.arena.alloc(rows * inner)
	r.each(rows*inner, 8, o)
	second := linearGrad{rows: rows, in: inner, out: out, dy: dy, x: kernel.MatF32(o.inner, rows, inner, inner), w: o.w2}
	r.weightGrads(second, o.b2)
	// The activations have been used; their memory takes their gradient, and then that before the activation.
	second.inputGrad(r, o.inner, true)
	b := op[actBackward](r)
	b.act, b.x, b.dy = o.act, o.before, o.inner
	r.each(rows*inner, 8, b)
	r.arena.free(o.inner)
	first := linearGrad{rows: rows, in: in, out: inner, dy: o.before, x: o.x.Mat(), w: o.w1}
	r.weightGrads(first, o.b1)
	if dx, fresh := r.grad(o.x); dx != nil {
		first.inputGrad(r, dx, fresh)
	}
	r.arena.free(o.before)
	o.before, o.inner = nil, nil
}
