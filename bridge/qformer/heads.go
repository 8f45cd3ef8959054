package qformer

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Heads are what the first stage hangs on the Q-Former. A head that a checkpoint lacks is nil there.
type Heads struct {
	Vision   *Projection // queries into the space that pictures and texts share
	Text     *Projection // texts into it
	Match    *Projection // a query's logits of "does not match" and "matches"
	Language *LanguageHead
	Temp     *tensor.Tensor // [1], what similarities are divided by; nil where the checkpoint dropped it
}

// Projection is a linear map with a bias.
type Projection struct {
	linear
}

// NewProjection binds weight [out, in] and bias [out].
func NewProjection(b *nn.Builder, in, out int) *Projection {
	start := nn.Init{Kind: nn.TorchLinear}
	return &Projection{
		linear: linear{weight: b.Tensor("weight", start, out, in), bias: b.Tensor("bias", start, out), path: b.Path()},
	}
}

// Out is the width of what comes out.
func (p *Projection) Out() int { return p.weight.Dim(0) }

// Set gives the projection its values.
func (p *Projection) Set(weight func(out, in int) float32, bias func(out int) float32) {
	for i := range p.weight.Dim(0) {
		p.bias.Data()[i] = bias(i)
		for j := range p.weight.Dim(1) {
			p.weight.Data()[i*p.weight.Dim(1)+j] = weight(i, j)
		}
	}
}

// SetIdentity makes a square projection the identity.
func (p *Projection) SetIdentity() {
	p.Set(func(i, j int) float32 {
		if i == j {
			return 1
		}
		return 0
	}, func(int) float32 { return 0 })
}

// Forward projects x [..., in] to [..., out].
func (p *Projection) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := p.forward(run, x, kernel.NoAct)
	run.Observe(p.path, y)
	return y
}

// LanguageHead predicts words: BERT's masked-language head, its last matrix tied to the word embeddings.
type LanguageHead struct {
	transform linear
	norm      norm
	words     *tensor.Tensor // [vocab, width]
	bias      *tensor.Tensor // [vocab]
	act       kernel.Act
}

// NewLanguageHead binds cls.predictions, which b stands at.
func NewLanguageHead(b *nn.Builder, q *QFormer) *LanguageHead {
	c := q.Config
	return &LanguageHead{
		transform: newLinear(b.Sub("transform", "dense"), c, c.Width, c.Width),
		norm:      newNorm(b.Sub("transform", "LayerNorm"), c),
		words:     q.words,
		bias:      b.Tensor("bias", nn.Init{Kind: nn.Zero}, c.Vocab),
		act:       c.Act,
	}
}

// Forward turns hidden states [..., width] to logits [..., vocab].
func (h *LanguageHead) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	x = h.norm.forward(run, h.transform.forward(run, x, h.act))
	return run.Linear(x, h.words, h.bias, kernel.NoAct)
}
