package tensor

import "fmt"

// axisOp reduces an axis: x is [outer, n, inner], y [outer, inner]. The maximum keeps where it was found.
type axisOp struct {
	x, y            *Tensor
	outer, n, inner int
	where           []int // nil for the mean
}

// MaxAxis is the maximum over an axis (the first of equals gets the gradient); the axis disappears.
func (r *Run) MaxAxis(x *Tensor, axis int) *Tensor {
	o := r.reduce(x, axis)
	o.where = r.ints.take(o.y.Len())
	for i := range o.outer {
		for k := range o.inner {
			at := i*o.n*o.inner + k
			best := at
			for j := at; j < at+o.n*o.inner; j += o.inner {
				if x.data[j] > x.data[best] {
					best = j
				}
			}
			o.y.data[i*o.inner+k], o.where[i*o.inner+k] = x.data[best], best
		}
	}
	return o.y
}

// MeanAxis is the mean over an axis, which disappears.
func (r *Run) MeanAxis(x *Tensor, axis int) *Tensor {
	o := r.reduce(x, axis)
	clear(o.y.data)
	for i := range o.outer {
		y := o.y.data[i*o.inner : (i+1)*o.inner]
		for j := range o.n {
			r.eng.Add(y, y, x.data[(i*o.n+j)*o.inner:][:o.inner])
		}
	}
	r.eng.Scale(1/float32(o.n), o.y.data)
	return o.y
}

// reduce makes the result of a reduction, and records it.
func (r *Run) reduce(x *Tensor, axis int) *axisOp {
	axis = axisOf(x, axis)
	if x.shape[axis] == 0 {
		panic(fmt.Sprintf("tensor: reduction of the empty axis %d of %v", axis, x.shape))
	}
	shape := append(append(r.ints.take(max(1, len(x.shape)))[:0], x.shape[:axis]...), x.shape[axis+1:]...)
	if len(shape) == 0 {
		shape = append(shape, 1)
	}
	o := op[axisOp](r)
	o.x, o.y = x, r.New(shape...)
	o.outer, o.n, o.inner = Count(x.shape[:axis]), x.shape[axis], Count(x.shape[axis+1:])
	if r.wants(x) {
		r.record(o)
	}
	return o
}

func (o *axisOp) result() *Tensor { return o.y }

func (o *axisOp) backward(r *Run, dy []float32) {
	dx := r.addGrad(o.x)
	if o.where != nil {
		for i, at := range o.where {
			dx[at] += dy[i]
		}
		return
	}
	for i := range o.outer {
		for j := range o.n {
			r.eng.Axpy(1/float32(o.n), dy[i*o.inner:(i+1)*o.inner], dx[(i*o.n+j)*o.inner:][:o.inner])
		}
	}
}

// maskedMeanOp is the mean over the rows of a sequence that a mask shows; it keeps the mask.
type maskedMeanOp struct {
	x, y *Tensor
	mask []uint8
}

// MaskedMean is the mean over axis 1 of x [B, T, d] of the rows whose mask [B, T] is not 0; zeros where all are.
func (r *Run) MaskedMean(x *Tensor, mask []uint8) *Tensor {
	if len(x.shape) != 3 || len(mask) != x.shape[0]*x.shape[1] {
		panic(fmt.Sprintf("tensor: masked mean of %v with %d mask values", x.shape, len(mask)))
	}
	o := op[maskedMeanOp](r)
	o.x, o.y, o.mask = x, r.Zeros(x.shape[0], x.shape[2]), mask
	d := x.shape[2]
	for b := range x.shape[0] {
		y, c := o.y.data[b*d:(b+1)*d], o.weight(b)
		for t := range x.shape[1] {
			if at := b*x.shape[1] + t; mask[at] != 0 {
				r.eng.Axpy(c, x.data[at*d:(at+1)*d], y)
			}
		}
	}
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

// weight is one over the number of rows of sequence b that count.
func (o *maskedMeanOp) weight(b int) float32 {
	t := o.x.shape[1]
	n := 0
	for _, m := range o.mask[b*t : (b+1)*t] {
		if m != 0 {
			n++
		}
	}
	return 1 / float32(max(n, 1))
}

func (o *maskedMeanOp) result() *Tensor { return o.y }

func (o *maskedMeanOp) backward(r *Run, dy []float32) {
	dx := r.addGrad(o.x)
	t, d := o.x.shape[1], o.x.shape[2]
	for b := range o.x.shape[0] {
		c := o.weight(b)
		for i := b * t; i < (b+1)*t; i++ {
			if o.mask[i] != 0 {
				r.eng.Axpy(c, dy[b*d:(b+1)*d], dx[i*d:(i+1)*d])
			}
		}
	}
}

// sumOp is the sum of all elements; it keeps nothing.
type sumOp struct{ x, y *Tensor }

// SumAll is the sum of all elements.
func (r *Run) SumAll(x *Tensor) *Tensor {
	o := op[sumOp](r)
	o.x, o.y = x, r.New(1)
	var sum float64
	for _, v := range x.data {
		sum += float64(v)
	}
	o.y.data[0] = float32(sum)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

func (o *sumOp) result() *Tensor { return o.y }

func (o *sumOp) backward(r *Run, dy []float32) {
	dx := r.addGrad(o.x)
	for i := range dx {
		dx[i] += dy[0]
	}
}
