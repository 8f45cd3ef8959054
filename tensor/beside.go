package tensor

import (
	"fmt"

	"dragoman/kernel"
)

// besideOp is y = [x·w₁ᵀ, x·w₂ᵀ, …]. It keeps x.
type besideOp struct {
	x, y *Tensor
	ws   []*Tensor
}

// Beside is linear maps of the same x, their results side by side: x [..., in] and ws [out, in] each to [..., Σ out]. It is Concat of each
// Linear along the last axis, the same to the byte, and copies nothing, backward neither.
func (r *Run) Beside(x *Tensor, ws ...*Tensor) *Tensor {
	rows, in, width := x.Rows(), x.Dim(-1), 0
	for _, w := range ws {
		if w.Dim(-1) != in {
			panic(fmt.Sprintf("tensor: linear of %v with weight %v", x.shape, w.shape))
		}
		width += w.Rows()
	}
	y := r.newLast(x, width)
	r.gemms = r.gemms[:0]
	at := 0
	for _, w := range ws {
		r.gemms = append(r.gemms, kernel.Gemm{
			M: rows, N: w.Rows(), K: in, A: kernel.Operand{Mat: x.Mat()}, B: kernel.Operand{Mat: w.Mat()},
			C: y.data[at:], LDC: width, Compute: r.opt.Compute,
		})
		at += w.Rows()
	}
	r.multiply()
	if r.wants(x) || r.wants(ws...) {
		o := op[besideOp](r)
		o.x, o.y, o.ws = x, y, r.operands.take(len(ws))
		copy(o.ws, ws)
		r.record(o)
	}
	return y
}

func (o *besideOp) result() *Tensor { return o.y }

func (o *besideOp) backward(r *Run, dy []float32) {
	at, width := 0, o.y.Dim(-1)
	for _, w := range o.ws {
		g := linearGrad{rows: o.x.Rows(), in: o.x.Dim(-1), out: w.Rows(), dy: dy[at:], stride: width, x: o.x.Mat(), w: w}
		r.weightGrads(g, nil)
		if dx, fresh := r.grad(o.x); dx != nil {
			g.inputGrad(r, dx, fresh)
		}
		at += g.out
	}
}
