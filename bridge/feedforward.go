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

// FeedForward is a perceptron behind a norm: outer(act(inner(norm(x)))).
type FeedForward struct {
	path         string
	norm         Norm
	inner, outer *tensor.Tensor // [hidden, width], [width, hidden]
	act          Act
}

// NewFeedForward binds or makes a perceptron with a layer norm; norm, inner and outer are what its checkpoint calls them below b.
func NewFeedForward(b *nn.Builder, norm, inner, outer string, width, hidden int, act Act, eps float32) *FeedForward {
	return &FeedForward{
		path:  b.Path(),
		norm:  NewNorm(b.Sub(norm), LayerNorm, width, eps),
		inner: b.Tensor(inner+".weight", nn.Init{Kind: nn.TorchLinear}, hidden, width),
		outer: b.Tensor(outer+".weight", nn.Init{Kind: nn.TorchLinear}, width, hidden),
		act:   act,
	}
}

// Forward maps [..., width] to what is to be added to it.
func (f *FeedForward) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	x = f.norm.Forward(run, x)
	if f.act.Square {
		x = run.Linear(x, f.inner, nil, f.act.Kind)
		x = run.Linear(run.Mul(x, x), f.outer, nil, kernel.NoAct)
	} else {
		x = run.FeedForward(x, f.inner, nil, f.act.Kind, f.outer, nil)
	}
	run.Observe(f.path, x)
	return x
}
