package bridge

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Act is what stands between the two maps of a perceptron.
type Act struct {
	Kind   kernel.Act
	Square bool // its square: with ReLU, the paper's squared ReLU
}

// FeedForwardConfig is a perceptron's size, and what its checkpoint calls its tensors.
type FeedForwardConfig struct {
	Width, Hidden int
	Act           Act
	Norm          NormKind
	Eps           float32
	Names         FeedForwardNames
}

// FeedForwardNames are what a checkpoint calls a perceptron's tensors, without ".weight", and its module, all below where it stands.
type FeedForwardNames struct {
	Module             string // "" for the place itself
	Norm, Inner, Outer string
	Act                string // of the activation, which has no tensors; "": it is no module
	Gate               string // "", or the map whose activation the inner one's result is multiplied with
}

// FeedForward is a perceptron behind a norm: outer(act(inner(norm(x)))), or outer(act(gate(norm(x))) ⊙ inner(norm(x))).
type FeedForward struct {
	path               string
	paths              FeedForwardNames // of the maps and the activation
	norm               Norm
	inner, gate, outer *tensor.Tensor // [hidden, width] twice, gate may be nil; [width, hidden]
	act                Act
}

// NewFeedForward binds or makes a perceptron below b.
func NewFeedForward(b *nn.Builder, c FeedForwardConfig) *FeedForward {
	start := nn.Init{Kind: nn.TorchLinear}
	f := &FeedForward{
		path:  b.Path(),
		norm:  NewNorm(b.Sub(c.Names.Norm), c.Norm, c.Width, c.Eps),
		inner: b.Tensor(c.Names.Inner+".weight", start, c.Hidden, c.Width),
		outer: b.Tensor(c.Names.Outer+".weight", start, c.Width, c.Hidden),
		act:   c.Act,
	}
	at := func(name string) string {
		if name == "" {
			return ""
		}
		return b.Sub(name).Path()
	}
	f.paths = FeedForwardNames{Inner: at(c.Names.Inner), Outer: at(c.Names.Outer), Act: at(c.Names.Act), Gate: at(c.Names.Gate)}
	if c.Names.Gate != "" {
		f.gate = b.Tensor(c.Names.Gate+".weight", start, c.Hidden, c.Width)
	}
	if c.Names.Module != "" {
		f.path = b.Sub(c.Names.Module).Path()
	}
	return f
}

// Matrices are those that everything is multiplied by.
func (f *FeedForward) Matrices() []*tensor.Tensor {
	if f.gate != nil {
		return []*tensor.Tensor{f.inner, f.gate, f.outer}
	}
	return []*tensor.Tensor{f.inner, f.outer}
}

// Forward maps [..., width] to what is to be added to it.
func (f *FeedForward) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	x = f.norm.Forward(run, x)
	switch {
	case f.gate != nil:
		var wide [2]*tensor.Tensor
		run.Linears(wide[:], x, tensor.Projection{W: f.gate}, tensor.Projection{W: f.inner})
		run.Observe(f.paths.Gate, wide[0])
		run.ShowAct(f.paths.Act, wide[0], f.act.Kind)
		run.Observe(f.paths.Inner, wide[1])
		x = run.Linear(run.GLU(wide[0], wide[1], f.act.Kind), f.outer, nil, kernel.NoAct)
	case f.act.Square:
		x = run.Linear(x, f.inner, nil, f.act.Kind)
		x = run.Linear(run.Mul(x, x), f.outer, nil, kernel.NoAct)
	default:
		run.ShowLinear(x, f.inner, nil, f.paths.Inner, f.act.Kind, f.paths.Act)
		x = run.FeedForward(x, f.inner, nil, f.act.Kind, f.outer, nil)
	}
	run.Observe(f.paths.Outer, x)
	run.Observe(f.path, x)
	return x
}
