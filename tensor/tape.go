package tensor

import (
	"fmt"
	"reflect"
)

// operation is a recorded step. Its fields are what its backward needs: operands and results, which the run keeps anyway,
// and what was saved besides.
type operation interface {
	// result is the tensor that the operation made.
	result() *Tensor
	// backward adds to the operands' gradients what the result's gradient dy gives them. It may write over dy.
	backward(r *Run, dy []float32)
}

type resetter interface{ reset() }

// op gives an operation of type T the memory of an earlier pass's.
func op[T any](r *Run) *T {
	key := reflect.TypeFor[T]()
	s, ok := r.slabs[key].(*slab[T])
	if !ok {
		s = new(slab[T])
		r.slabs[key] = s
	}
	return s.take()
}

// wants says whether an operation on these tensors is to be recorded.
func (r *Run) wants(xs ...*Tensor) bool {
	if !r.opt.Grad {
		return false
	}
	for _, x := range xs {
		if x != nil && x.needs {
			return true
		}
	}
	return false
}

// record puts an operation on the tape.
func (r *Run) record(o operation) {
	o.result().needs = true
	r.tape = append(r.tape, o)
}

// Backward runs the tape from a loss of one element, and adds to the gradients of every parameter that wants one.
// scale is the loss's own gradient (1, or 1/steps under accumulation). The tape is empty afterwards; the activations keep
// their values until Reset.
func (r *Run) Backward(loss *Tensor, scale float32) {
	if loss.Len() != 1 {
		panic(fmt.Sprintf("tensor: backward from %v, which is not one element", loss.shape))
	}
	if g, fresh := r.grad(loss); g != nil {
		if fresh {
			g[0] = 0
		}
		g[0] += scale
	}
	for i := len(r.tape) - 1; i >= 0; i-- {
		o := r.tape[i]
		y := o.result()
		if y.grad == nil {
			continue // nothing that the loss depends on
		}
		dy := y.grad
		o.backward(r, dy)
		if y.grad != nil { // and not passed on
			r.arena.free(y.grad)
			y.grad = nil
		}
	}
	clear(r.tape)
	r.tape = r.tape[:0]
}

// grad is where x's gradient is summed: nil if it wants none. If fresh, the memory holds nothing yet, and the caller must
// set all of it.
func (r *Run) grad(x *Tensor) (g []float32, fresh bool) {
	if x == nil || !x.needs {
		return nil, false
	}
	if x.base != nil {
		b := x.base
		g, fresh = r.grad(b)
		if fresh && x.Len() != b.Len() {
			clear(g)
			fresh = false
		}
		return g[x.at : x.at+x.Len()], fresh
	}
	if x.grad == nil {
		if !x.run {
			x.grad = make([]float32, x.Len())
			return x.grad, false
		}
		x.grad = r.arena.alloc(x.Len())
		return x.grad, true
	}
	return x.grad, false
}

// addGrad is grad for operations that add to what is there.
func (r *Run) addGrad(x *Tensor) []float32 {
	g, fresh := r.grad(x)
	if fresh {
		clear(g)
	}
	return g
}

// passGrad adds dy to x's gradient. If dy is the whole gradient of the operation's result y, which nobody needs any more,
// and x has none yet, its memory changes hands.
func (r *Run) passGrad(x, y *Tensor, dy []float32) {
	if x == nil || !x.needs {
		return
	}
	if b := x.root(); y != nil && b.run && b.grad == nil && b.Len() == len(dy) && y.grad != nil {
		b.grad, y.grad = dy, nil
		return
	}
	g, fresh := r.grad(x)
	if fresh {
		copy(g, dy)
		return
	}
	r.addTo(g, dy)
}

// root is the tensor whose memory a view looks at.
func (t *Tensor) root() *Tensor {
	for t.base != nil {
		t = t.base
	}
	return t
}

// spanner is work on n independent items, which a worker does from…to−1 of.
type spanner interface {
	span(r *Run, worker, from, to int)
}

// Work is split into spans of at least this many element operations, and items by so many at a time that a vector loop's
// remainder lies in the same place however the work is split.
const (
	minSpan  = 1 << 14
	spanStep = 64
)

// each does s.span over 0…n−1, where an item costs about cost element operations, with all workers if that pays.
func (r *Run) each(n, cost int, s spanner) {
	for len(r.scratches) < r.pool.Size() {
		r.scratches = append(r.scratches, nil)
		r.smalls = append(r.smalls, new(smallProduct))
	}
	tasks := min(n*max(cost, 1)/minSpan, 4*r.pool.Size(), n)
	if tasks <= 1 || r.pool.Size() == 1 {
		if n > 0 {
			s.span(r, 0, 0, n)
		}
		return
	}
	span := (n + tasks - 1) / tasks
	if cost <= spanStep {
		span = (span + spanStep - 1) / spanStep * spanStep
	}
	r.split.work, r.split.n, r.split.span = s, n, span
	r.pool.Do((n+span-1)/span, r.split.do)
	r.split.work = nil
}

// scratch is a worker's memory for n values, which are not set, until it asks again.
func (r *Run) scratch(worker, n int) []float32 {
	if cap(r.scratches[worker]) < n {
		r.scratches[worker] = make([]float32, n+n/4+alignment)
	}
	return r.scratches[worker][:n]
}
