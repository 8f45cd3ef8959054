package linear

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Prefix is a soft prompt without queries, as Frozen has it (Tsimpoukelli et al. 2021): one linear map of the picture as a whole,
// cut into words.
//
//	x [batch, in] ↦ Wx + b    [batch, words, width]
type Prefix struct {
	weight, bias *tensor.Tensor // [words·width, in], [words·width]
	words        int
	path         string
}

// NewPrefix binds a prefix of so many words, or makes a fresh one.
func NewPrefix(b *nn.Builder, in, words, width int) *Prefix {
	start := nn.Init{Kind: nn.TorchLinear}
	return &Prefix{
		weight: b.Tensor("weight", start, words*width, in), bias: b.Tensor("bias", start, words*width),
		words: words, path: b.Path(),
	}
}

// Width is that of a word.
func (p *Prefix) Width() int { return p.weight.Dim(0) / p.words }

// Forward makes the words of each picture.
func (p *Prefix) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := run.Linear(x, p.weight, p.bias, kernel.NoAct)
	run.Observe(p.path, y)
	return run.Reshape(y, x.Dim(0), p.words, p.Width())
}
