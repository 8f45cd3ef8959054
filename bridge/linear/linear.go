// Package linear is what a bridge is without queries: one vector for the whole picture, a linear map of the encoder's summary
// with a small perceptron beside it. It needs no more than a regression to begin with, and is the baseline that queries have to
// beat; where both are used, the queries add to it what the summary has lost.
//
//	x [batch, in] ↦ Wc + b + 0.3·fc2(gelu(fc1(c)))    [batch, out], where c = x − mean
package linear

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// share is how much the perceptron counts beside the linear map, which has a head start.
const share = 0.3

// Dropout of the perceptron's hidden layer, in training.
const Dropout = 0.2

// Head is the map.
type Head struct {
	Mean         *tensor.Tensor // [in], of the inputs seen in training; does not learn
	Weight, Bias *tensor.Tensor // [out, in], [out]
	fc1, fc2     projection
	path         string
}

type projection struct{ weight, bias *tensor.Tensor }

// New binds a head, or makes a fresh one whose mean is 0.
func New(b *nn.Builder, in, hidden, out int) *Head {
	return &Head{
		Mean:   b.Trainable(false).Tensor("mean", nn.Init{}, in),
		Weight: b.Tensor("linear.weight", nn.Init{Kind: nn.TorchLinear}, out, in),
		Bias:   b.Tensor("linear.bias", nn.Init{Kind: nn.TorchLinear}, out),
		fc1:    newProjection(b.Sub("fc1"), in, hidden),
		fc2:    newProjection(b.Sub("fc2"), hidden, out),
		path:   b.Path(),
	}
}

func newProjection(b *nn.Builder, in, out int) projection {
	start := nn.Init{Kind: nn.TorchLinear}
	return projection{b.Tensor("weight", start, out, in), b.Tensor("bias", start, out)}
}

// In and Out are the widths of what goes in and what comes out.
func (h *Head) In() int  { return h.Weight.Dim(1) }
func (h *Head) Out() int { return h.Weight.Dim(0) }

// Centre takes the mean from x [batch, in].
func (h *Head) Centre(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return run.Add(x, run.Scale(h.Mean, -1))
}

// Forward maps x [batch, in], from which Centre took the mean, to [batch, out].
func (h *Head) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	hidden := run.Dropout(run.Linear(x, h.fc1.weight, h.fc1.bias, kernel.GELU), Dropout)
	y := run.Add(
		run.Linear(x, h.Weight, h.Bias, kernel.NoAct),
		run.Scale(run.Linear(hidden, h.fc2.weight, h.fc2.bias, kernel.NoAct), share))
	run.Observe(h.path, y)
	return y
}
