package blip2

import (
	"dragoman/bridge/qformer"
	"dragoman/nn"
	"dragoman/tensor"
)

// defaultTemperature is what the contrast divides cosines by before it has learnt better, and where a released checkpoint does
// not say.
const defaultTemperature = 0.07

// Bridge is the trained part of BLIP-2: the Q-Former, the heads of the first stage, and the way into the language model. A part
// that a checkpoint lacks is nil.
type Bridge struct {
	Config  Config
	QFormer *qformer.QFormer
	Heads   qformer.Heads
	Prompt  *SoftPrompt
	inputs  map[string]*qformer.Projection // of each kind of feature, where there are several
}

// Want says which parts a fresh bridge gets; a checkpoint's bridge has those that the checkpoint has.
type Want struct {
	Heads         bool // of the first stage
	LanguageWidth int  // of the soft prompt; 0: none
}

// NewBridge binds the bridge of a checkpoint, or makes what is wanted where b has no checkpoint.
func NewBridge(b *nn.Builder, c Config, want Want) *Bridge {
	br := &Bridge{Config: c, QFormer: qformer.New(b, c.QFormer)}
	q := c.QFormer
	if want.Heads || b.Has("vision_projection.weight") {
		br.Heads.Vision = qformer.NewProjection(b.Sub("vision_projection"), q.Width, c.Shared)
	}
	if q.Text && (want.Heads || b.Has("text_projection.weight")) {
		br.Heads.Text = qformer.NewProjection(b.Sub("text_projection"), q.Width, c.Shared)
	}
	if q.Text && (want.Heads || b.Has("itm_head.weight")) {
		br.Heads.Match = qformer.NewProjection(b.Sub("itm_head"), q.Width, 2)
	}
	if q.Text && (want.Heads || b.Has("cls.predictions.bias")) {
		br.Heads.Language = qformer.NewLanguageHead(b.Sub("cls", "predictions"), br.QFormer)
	}
	if want.Heads || b.Has("temp") {
		br.Heads.Temp = newTemperature(b)
	}
	if shape, ok := b.ShapeOf("language_projection.weight"); ok && len(shape) == 2 {
		want.LanguageWidth = shape[0]
	}
	if want.LanguageWidth > 0 {
		br.Prompt = newSoftPrompt(b, c, want.LanguageWidth)
	}
	return br
}

// newTemperature binds temp, stored as a scalar or as one element.
func newTemperature(b *nn.Builder) *tensor.Tensor {
	shape, ok := b.ShapeOf("temp")
	if !ok {
		t := b.Tensor("temp", nn.Init{Kind: nn.One}, 1)
		t.Data()[0] = defaultTemperature
		return t
	}
	if len(shape) == 0 {
		return b.Tensor("temp", nn.Init{Kind: nn.One})
	}
	return b.Tensor("temp", nn.Init{Kind: nn.One}, 1)
}

// SoftPrompt brings the queries' answers into the language model's space, where they stand for words.
type SoftPrompt struct {
	projection *qformer.Projection
	norm       *tensor.Tensor // nil, or the layer norm behind it
	bias       *tensor.Tensor
}

func newSoftPrompt(b *nn.Builder, c Config, width int) *SoftPrompt {
	s := &SoftPrompt{projection: qformer.NewProjection(b.Sub("language_projection"), c.QFormer.Width, width)}
	if c.Extras.SoftPromptNorm {
		s.norm = b.Tensor("language_norm.weight", nn.Init{Kind: nn.One}, width)
		s.bias = b.Tensor("language_norm.bias", nn.Init{Kind: nn.Zero}, width)
	}
	return s
}

// Forward turns hidden states [batch, queries, width] to soft words [batch, queries, language width].
func (s *SoftPrompt) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	x = s.projection.Forward(run, x)
	if s.norm != nil {
		x = run.LayerNorm(x, s.norm, s.bias, 1e-5)
	}
	return x
}

// Scale sets the norm's first value to the spread of the language model's own word embeddings, so that soft words are as long
// as words. It does nothing without a norm.
func (s *SoftPrompt) Scale(std float32) {
	if s.norm == nil {
		return
	}
	for i := range s.norm.Data() {
		s.norm.Data()[i] = std
	}
}
