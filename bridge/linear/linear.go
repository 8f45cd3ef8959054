// Package linear is what a bridge is without queries: one vector for the whole picture. Head brings it into the space that pictures
// and texts share, Prefix makes a soft prompt of it. They need no more than a regression to begin with, and are the baseline that
// queries have to beat; where both are used, the queries add what the summary has lost.
//
//	x [batch, in] ↦ b + Wc + 0.3·fc2(gelu(fc1(c))) + landmarks(c)    [batch, out], where c = x − mean
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

// Head is the map. It has a perceptron, landmarks, or both.
type Head struct {
	Mean         *tensor.Tensor // [in], of the inputs seen in training; does not learn
	Weight, Bias *tensor.Tensor // [out, in], [out]
	Landmarks    *Landmarks     // nil: none
	fc1, fc2     projection     // without weights: no perceptron
	path         string
}

type projection struct{ weight, bias *tensor.Tensor }

// Size is a head's.
type Size struct {
	In, Out   int
	Hidden    int // of the perceptron; 0: there is none
	Landmarks int // 0: none
	Axes      int // directions in which the distance to landmarks counts
}

// New binds a head, or makes a fresh one whose mean is 0.
func New(b *nn.Builder, s Size) *Head {
	h := &Head{
		Mean:   b.Trainable(false).Tensor("mean", nn.Init{}, s.In),
		Weight: b.Tensor("linear.weight", nn.Init{Kind: nn.TorchLinear}, s.Out, s.In),
		Bias:   b.Tensor("linear.bias", nn.Init{Kind: nn.TorchLinear}, s.Out),
		path:   b.Path(),
	}
	if s.Hidden > 0 {
		h.fc1 = newProjection(b.Sub("fc1"), s.In, s.Hidden)
		h.fc2 = newProjection(b.Sub("fc2"), s.Hidden, s.Out)
	}
	if s.Landmarks > 0 {
		h.Landmarks = NewLandmarks(b.Sub("landmarks"), s)
	}
	return h
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

// Far is how far x [batch, in], from which nothing was taken, is from each landmark: [batch, landmarks].
func (h *Head) Far(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return h.Landmarks.Far(run, h.Centre(run, x))
}

// Forward maps x [batch, in], from which Centre took the mean, to [batch, out].
func (h *Head) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := run.Linear(x, h.Weight, h.Bias, kernel.NoAct)
	if h.fc1.weight != nil {
		hidden := run.Dropout(run.Linear(x, h.fc1.weight, h.fc1.bias, kernel.GELU), Dropout)
		y = run.Add(y, run.Scale(run.Linear(hidden, h.fc2.weight, h.fc2.bias, kernel.NoAct), share))
	}
	if h.Landmarks != nil {
		y = run.Add(y, h.Landmarks.Forward(run, x))
	}
	run.Observe(h.path, y)
	return y
}
