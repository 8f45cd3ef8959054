package tensor

import "dragoman/kernel"

// Observer is handed what passes through a model, by module path as transformers names it. It must copy what it keeps: the
// values are the run's. Observing changes no byte.
type Observer interface {
	// Module is called with a module's output.
	Module(path string, out *Tensor)
	// WantsModule says whether a module's output is to be computed for Module where the program itself has no use for it: what a
	// fused operation hides.
	WantsModule(path string) bool
	// WantsMap says whether the attention weights of this path are to be computed for Map.
	WantsMap(path string) bool
	// Map is called with attention weights [batch, heads, queries, keys].
	Map(path string, probs *Tensor)
}

// SetObserver sets who looks; nil for nobody.
func (r *Run) SetObserver(o Observer) { r.opt.Observer = o }

// Observe shows a module's output to the observer, where there is one.
func (r *Run) Observe(path string, t *Tensor) {
	if r.opt.Observer != nil && path != "" {
		r.opt.Observer.Module(path, t)
	}
}

// Observed says whether anybody observes.
func (r *Run) Observed() bool { return r.opt.Observer != nil }

// Show is Observe for an output that the program itself has no use for: it is computed where somebody wants it, and not recorded.
func (r *Run) Show(path string, compute func() *Tensor) {
	o := r.opt.Observer
	if o == nil || path == "" || !o.WantsModule(path) {
		return
	}
	recording := r.opt.Grad
	r.opt.Grad = false
	y := compute()
	r.opt.Grad = recording
	o.Module(path, y)
}

// ShowLinear shows what Linear and FeedForward hide: a linear map before its activation, and what that makes of it.
func (r *Run) ShowLinear(x, w, b *Tensor, path string, act kernel.Act, actPath string) {
	r.Show(path, func() *Tensor { return r.Linear(x, w, b, kernel.NoAct) })
	r.Show(actPath, func() *Tensor { return r.Linear(x, w, b, act) })
}

// ShowAct shows the activation that GLU hides.
func (r *Run) ShowAct(path string, gate *Tensor, act kernel.Act) {
	r.Show(path, func() *Tensor { return r.Act(gate, act) })
}
