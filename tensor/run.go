package tensor

import (
	"os"
	"reflect"
	"slices"

	"dragoman/kernel"
)

// Options say how a Run computes.
type Options struct {
	Compute  kernel.DType   // F32: nothing is rounded; BF16, Q8_0: as kernel.Gemm says
	Engine   *kernel.Engine // nil: kernel.Default()
	Grad     bool           // record a tape
	Train    bool           // dropout is on
	Seed     uint64         // of dropout
	Observer Observer       // nil, or who looks
}

// Run is one pass over a model: the memory of its activations, its tape, and how it computes. It is not safe for
// concurrent use; many runs at a time share the pool. Reset makes it ready for the next pass with the memory it has.
type Run struct {
	opt   Options
	eng   *kernel.Engine
	pool  *Pool
	arena arena
	tape  []operation
	draws uint64 // how often the seeded dropout was asked

	tensors  slab[Tensor]
	ints     list[int]
	operands list[*Tensor]
	kvs      list[KV]
	segments list[kernel.Segment]
	gradRows list[kernel.GradRows]
	slabs    map[reflect.Type]resetter // of operations, by their type

	gemms     []kernel.Gemm
	products  []*kernel.Gemm
	scratches [][]float32 // one a worker
	smalls    []*smallProduct
	turns     []float32 // the table of the last Rope, turnsOf
	turnsOf   turnKey
	split     struct {
		work    spanner
		n, span int
		do      func(task, worker int)
	}
}

// NewRun makes a run.
func NewRun(opt Options) *Run {
	eng := opt.Engine
	if eng == nil {
		eng = kernel.Default()
	}
	r := &Run{opt: opt, eng: eng, pool: DefaultPool(), slabs: map[reflect.Type]resetter{}}
	r.arena.poison = poison
	r.split.do = func(task, worker int) {
		from := task * r.split.span
		r.split.work.span(r, worker, from, min(from+r.split.span, r.split.n))
	}
	return r
}

// poison makes every run overwrite the memory that it takes back with NaN, so that a use after its time shows. This package's
// tests set it; DRAGOMAN_POISON=1 sets it for the tests of others.
var poison = os.Getenv("DRAGOMAN_POISON") != ""

// Reset ends the pass: its activations are gone, its memory is kept.
func (r *Run) Reset() {
	clear(r.tape)
	r.tape = r.tape[:0]
	r.arena.reset()
	r.tensors.reset()
	r.ints.reset()
	r.operands.reset()
	r.kvs.reset()
	r.segments.reset()
	r.gradRows.reset()
	for _, s := range r.slabs {
		s.reset()
	}
}

// Mark is a point of a pass to go back to; see Release.
type Mark struct{ mark mark }

// Mark notes how much memory the pass uses.
func (r *Run) Mark() Mark { return Mark{r.arena.mark()} }

// Release gives back what was made since the mark, except x (which may be nil), which it moves there and returns, so that a
// long encoder needs the memory of one block. Under a tape it does nothing, because the backward needs it all.
func (r *Run) Release(m Mark, x *Tensor) *Tensor {
	if r.opt.Grad {
		return x
	}
	if x == nil {
		r.arena.rewind(m.mark)
		return nil
	}
	data := x.data
	if poison {
		data = slices.Clone(data)
	}
	r.arena.rewind(m.mark)
	y := r.New(x.shape...)
	copy(y.data, data)
	return y
}

// New makes an activation whose values are not set.
func (r *Run) New(shape ...int) *Tensor {
	t := r.view(shape)
	t.data = r.arena.alloc(Count(shape))
	t.run = true
	return t
}

// Zeros makes an activation of zeros.
func (r *Run) Zeros(shape ...int) *Tensor {
	t := r.New(shape...)
	clear(t.data)
	return t
}

// view makes a tensor without memory.
func (r *Run) view(shape []int) *Tensor {
	t := r.tensors.take()
	t.shape = r.ints.take(len(shape))
	copy(t.shape, shape)
	return t
}

// like makes an activation of x's shape.
func (r *Run) like(x *Tensor) *Tensor { return r.New(x.shape...) }

// Options returns how the run computes.
func (r *Run) Options() Options { return r.opt }

// SetSeed sets what dropout draws from.
func (r *Run) SetSeed(seed uint64) { r.opt.Seed, r.draws = seed, 0 }

// Recording says whether operations record their backward.
func (r *Run) Recording() bool { return r.opt.Grad }

// SetRecording turns the tape on or off; frozen parts whose result needs no gradient run with it off.
func (r *Run) SetRecording(on bool) { r.opt.Grad = on }
