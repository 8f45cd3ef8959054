package tensor

import "fmt"

// Reshape gives the same values another shape; one axis may be −1. It copies nothing.
func (r *Run) Reshape(x *Tensor, shape ...int) *Tensor {
	y := r.view(shape)
	known, free := 1, -1
	for i, d := range y.shape {
		if d == -1 && free < 0 {
			free = i
		} else {
			known *= d
		}
	}
	if free >= 0 && known > 0 {
		y.shape[free] = x.Len() / known
	}
	if Count(y.shape) != x.Len() {
		panic(fmt.Sprintf("tensor: %v does not make a shape of %v", x.shape, y.shape))
	}
	return r.look(y, x, 0)
}

// look makes y a view of x from the given element on.
func (r *Run) look(y, x *Tensor, at int) *Tensor {
	y.data = x.floats()[at : at+y.Len()]
	y.base, y.at = x, at
	y.needs = x.needs && r.opt.Grad
	return y
}

// sliceOp is a stretch of an axis; it keeps nothing.
type sliceOp struct {
	x, y       *Tensor
	from       int // elements
	step, take int // of each repetition of the axis: elements in x, in y
}

// Slice takes from…to−1 of an axis. Where those lie together in memory it copies nothing.
func (r *Run) Slice(x *Tensor, axis, from, to int) *Tensor {
	axis = axisOf(x, axis)
	if from < 0 || to < from || to > x.shape[axis] {
		panic(fmt.Sprintf("tensor: slice %d…%d of axis %d of %v", from, to, axis, x.shape))
	}
	if from == 0 && to == x.shape[axis] {
		return x
	}
	y := r.view(x.shape)
	y.shape[axis] = to - from
	inner := Count(x.shape[axis+1:])
	if Count(x.shape[:axis]) == 1 {
		return r.look(y, x, from*inner)
	}
	y.data = r.arena.alloc(y.Len())
	y.run = true
	o := op[sliceOp](r)
	o.x, o.y, o.from, o.step, o.take = x, y, from*inner, x.shape[axis]*inner, (to-from)*inner
	for i, j := o.from, 0; j < len(y.data); i, j = i+o.step, j+o.take {
		copy(y.data[j:j+o.take], x.data[i:])
	}
	if r.wants(x) {
		r.record(o)
	}
	return y
}

func axisOf(x *Tensor, axis int) int {
	if axis < 0 {
		axis += len(x.shape)
	}
	if axis < 0 || axis >= len(x.shape) {
		panic(fmt.Sprintf("tensor: axis %d of %v", axis, x.shape))
	}
	return axis
}

func (o *sliceOp) result() *Tensor { return o.y }

func (o *sliceOp) backward(r *Run, dy []float32) {
	dx := r.addGrad(o.x)
	for i, j := o.from, 0; j < len(dy); i, j = i+o.step, j+o.take {
		r.eng.Add(dx[i:i+o.take], dx[i:i+o.take], dy[j:j+o.take])
	}
}

// concatOp joins tensors along an axis; it keeps nothing.
type concatOp struct {
	xs   []*Tensor
	y    *Tensor
	axis int
}

// Concat joins tensors along an axis.
func (r *Run) Concat(axis int, xs ...*Tensor) *Tensor {
	if len(xs) == 1 {
		return xs[0]
	}
	y := r.view(xs[0].shape)
	axis = axisOf(y, axis)
	y.shape[axis] = 0
	for _, x := range xs {
		same := len(x.shape) == len(y.shape)
		for i := range y.shape {
			same = same && (i == axis || x.shape[i] == y.shape[i])
		}
		if !same {
			panic(fmt.Sprintf("tensor: %v joined with %v along axis %d", xs[0].shape, x.shape, axis))
		}
		y.shape[axis] += x.shape[axis]
	}
	y.data = r.arena.alloc(y.Len())
	y.run = true
	inner := Count(y.shape[axis+1:])
	step := y.shape[axis] * inner
	at := 0
	for _, x := range xs {
		n := x.shape[axis] * inner
		values := x.floats()
		for i, j := 0, at; i < len(values); i, j = i+n, j+step {
			copy(y.data[j:j+n], values[i:])
		}
		at += n
	}
	if r.wants(xs...) {
		o := op[concatOp](r)
		o.xs, o.y, o.axis = r.operands.take(len(xs)), y, axis
		copy(o.xs, xs)
		r.record(o)
	}
	return y
}

func (o *concatOp) result() *Tensor { return o.y }

func (o *concatOp) backward(r *Run, dy []float32) {
	inner := Count(o.y.shape[o.axis+1:])
	step := o.y.shape[o.axis] * inner
	at := 0
	for _, x := range o.xs {
		n := x.shape[o.axis] * inner
		if dx, fresh := r.grad(x); dx != nil {
			for i, j := 0, at; i < len(dx); i, j = i+n, j+step {
				store(r, dx, dy[j:j+n], i, fresh)
			}
		}
		at += n
	}
}

// transposeOp exchanges two axes; it keeps nothing. x is [outer, a, middle, b, inner], y [outer, b, middle, a, inner].
type transposeOp struct {
	x, y                       *Tensor
	outer, a, middle, b, inner int
}

// Transpose exchanges two axes.
func (r *Run) Transpose(x *Tensor, a, b int) *Tensor {
	a, b = axisOf(x, a), axisOf(x, b)
	if a == b {
		return x
	}
	if a > b {
		a, b = b, a
	}
	o := op[transposeOp](r)
	o.x, o.y = x, r.like(x)
	o.y.shape[a], o.y.shape[b] = x.shape[b], x.shape[a]
	o.outer, o.a, o.middle = Count(x.shape[:a]), x.shape[a], Count(x.shape[a+1:b])
	o.b, o.inner = x.shape[b], Count(x.shape[b+1:])
	n := o.inner
	o.walk(func(i, j int) { copy(o.y.data[j:j+n], x.data[i:i+n]) })
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

// walk calls f with where each stretch of inner values lies in x and in y.
func (o *transposeOp) walk(f func(i, j int)) {
	for outer := range o.outer {
		for a := range o.a {
			for m := range o.middle {
				i := ((outer*o.a+a)*o.middle + m) * o.b * o.inner
				for b := range o.b {
					f(i+b*o.inner, (((outer*o.b+b)*o.middle+m)*o.a+a)*o.inner)
				}
			}
		}
	}
}

func (o *transposeOp) result() *Tensor { return o.y }

func (o *transposeOp) backward(r *Run, dy []float32) {
	dx := r.addGrad(o.x)
	n := o.inner
	o.walk(func(i, j int) {
		for k, g := range dy[j : j+n] {
			dx[i+k] += g
		}
	})
}

// expandOp repeats a tensor along a first axis; it keeps nothing.
type expandOp struct{ x, y *Tensor }

// Expand repeats x [1, ...] or [...] to [n, ...]; its gradient is the sum.
func (r *Run) Expand(x *Tensor, n int) *Tensor {
	var y *Tensor
	if x.shape[0] == 1 {
		y = r.view(x.shape)
	} else {
		y = r.view(append(append(r.ints.take(len(x.shape) + 1)[:0], 1), x.shape...))
	}
	y.shape[0] = n
	y.data = r.arena.alloc(y.Len())
	y.run = true
	values := x.floats()
	for at := 0; at < len(y.data); at += len(values) {
		copy(y.data[at:], values)
	}
	if r.wants(x) {
		o := op[expandOp](r)
		o.x, o.y = x, y
		r.record(o)
	}
	return y
}

func (o *expandOp) result() *Tensor { return o.y }

func (o *expandOp) backward(r *Run, dy []float32) { r.sumRows(r.addGrad(o.x), dy) }
