package tensor

import "math"

// expOp is y = exp(x); it keeps y.
type expOp struct{ x, y *Tensor }

// Exp is the exponential, elementwise: of a temperature that is learnt as its logarithm.
func (r *Run) Exp(x *Tensor) *Tensor {
	o := op[expOp](r)
	o.x, o.y = x, r.like(x)
	r.each(x.Len(), 16, o)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

func (o *expOp) span(_ *Run, _, from, to int) {
	x := o.x.floats()
	for i := from; i < to; i++ {
		o.y.data[i] = float32(math.Exp(float64(x[i])))
	}
}

func (o *expOp) result() *Tensor { return o.y }

func (o *expOp) backward(r *Run, dy []float32) {
	if dx := r.addGrad(o.x); dx != nil {
		r.mulAdd(dx, dy, o.y.data)
	}
}
