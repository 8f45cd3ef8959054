package linear

import (
	"dragoman/bridge"
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Input brings features of one kind to the width that a bridge reads: a layer norm of its own, since kinds differ in scale, and a
// projection.
type Input struct {
	norm         bridge.Norm
	weight, bias *tensor.Tensor
	path         string
}

// NewInput binds layernorm.weight and .bias [in], weight [out, in] and bias [out] below b, or makes them.
func NewInput(b *nn.Builder, in, out int) *Input {
	start := nn.Init{Kind: nn.TorchLinear}
	return &Input{
		norm:   bridge.NewNorm(b.Sub("layernorm"), bridge.LayerNorm, in, 1e-5),
		weight: b.Tensor("weight", start, out, in), bias: b.Tensor("bias", start, out), path: b.Path(),
	}
}

// Forward brings x [..., in] to [..., out].
func (f *Input) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := run.Linear(f.norm.Forward(run, x), f.weight, f.bias, kernel.NoAct)
	run.Observe(f.path, y)
	return y
}
