package tensor

import (
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

// Observer is handed what passes through a model, by module path as transformers names it. It must copy what it keeps: the
// values are the run's. Observing changes no byte.
type Observer interface {
	// Module is called with a module's output.
	Module(path string, out *Tensor)
	// WantsMap says whether the attention weights of this path are to be computed for Map.
	WantsMap(path string) bool
	// Map is called with attention weights [batch, heads, queries, keys].
	Map(path string, probs *Tensor)
}

// Run is one pass over a model: the memory of its activations, its tape, and how it computes. It is not safe for
// concurrent use; many runs at a time share the pool. Reset makes it ready for the next pass with the memory it has.
type Run struct {
	opt   Options
	eng   *kernel.Engine
	pool  *Pool
	arena arena
	tape  []func()
	draws uint64 // how often the seeded dropout was asked
}

// NewRun makes a run.
func NewRun(opt Options) *Run {
	eng := opt.Engine
	if eng == nil {
		eng = kernel.Default()
	}
	return &Run{opt: opt, eng: eng, pool: DefaultPool()}
}

// Options returns how the run computes.
func (r *Run) Options() Options { return r.opt }

// SetSeed sets what dropout draws from.
func (r *Run) SetSeed(seed uint64) { r.opt.Seed, r.draws = seed, 0 }

// SetObserver sets who looks; nil for nobody.
func (r *Run) SetObserver(o Observer) { r.opt.Observer = o }

// Observe shows a module's output to the observer, where there is one.
func (r *Run) Observe(path string, t *Tensor) {
	if r.opt.Observer != nil && path != "" {
		r.opt.Observer.Module(path, t)
	}
}

// Recording says whether operations record their backward.
func (r *Run) Recording() bool { return r.opt.Grad }

// SetRecording turns the tape on or off; frozen parts whose result needs no gradient run with it off.
func (r *Run) SetRecording(on bool) { r.opt.Grad = on }
