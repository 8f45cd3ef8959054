package blip2

import (
	"dragoman/bridge/linear"
	"dragoman/bridge/qformer"
	"dragoman/bridge/resampler"
	"dragoman/nn"
	"dragoman/tensor"
)

// defaultTemperature is what the contrast divides cosines by before it has learnt better, and where a released checkpoint does
// not say.
const defaultTemperature = 0.07

// firstLead is how much queries that know nothing yet add to the picture as a whole: little enough not to disturb it.
const firstLead = 0.02

// Bridge is the trained part of BLIP-2: the Q-Former, the heads of the first stage, and the way into the language model. A part
// that a checkpoint lacks is nil.
type Bridge struct {
	Config  Config
	QFormer *qformer.QFormer
	Heads   qformer.Heads
	Prompt  *SoftPrompt
	Head    *linear.Head   // the picture as a whole, in the space that pictures and texts share
	Lead    *tensor.Tensor // [1], how much the queries add to it there
	Reading *tensor.Tensor // [shared, language width], of what the language model makes of texts; nil where it does not read them
	Classes *tensor.Tensor // [classes, shared], what the encoder's classes are called, embedded; does not learn

	inputs map[string]*linear.Input // of each kind of feature, where there are several
	places *tensor.Tensor           // [tokens, feature width], added to the features there
}

// Want says which parts a fresh bridge gets; a checkpoint's bridge has those that the checkpoint has.
type Want struct {
	Heads         bool // of the first stage
	LanguageWidth int  // of the soft prompt; 0: none
}

// NewBridge binds the bridge of a checkpoint, or makes what is wanted where b has no checkpoint. groups are the features that it
// reads.
func NewBridge(b *nn.Builder, c Config, groups []featureGroup, want Want) *Bridge {
	br := &Bridge{Config: c, QFormer: qformer.New(b, c.QFormer)}
	if c.projected() {
		br.bindInputs(b, groups)
	}
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
		br.Heads.Temp = scalar(b, "temp", defaultTemperature)
	}
	if shape, ok := b.ShapeOf("language_projection.weight"); ok && len(shape) == 2 {
		want.LanguageWidth = shape[0]
	}
	if shape, ok := b.ShapeOf("language_prefix.weight"); ok && len(shape) == 2 {
		want.LanguageWidth = shape[0] / q.Queries
	}
	if c.Extras.TextReading != "" && br.Heads.Text != nil {
		width := want.LanguageWidth
		if shape, ok := b.ShapeOf(readingProjection + ".weight"); ok && len(shape) == 2 {
			width = shape[1]
		}
		br.Reading = b.Sub(readingProjection).Tensor("weight", nn.Init{Kind: nn.Zero}, c.Shared, width)
	}
	if want.LanguageWidth > 0 {
		br.Prompt = newSoftPrompt(b, c, groups, want.LanguageWidth)
	}
	return br
}

// bindInputs binds what brings several kinds of features together.
func (br *Bridge) bindInputs(b *nn.Builder, groups []featureGroup) {
	c := br.Config
	br.inputs = make(map[string]*linear.Input)
	tokens := 0
	for _, g := range groups {
		if g.kind == kindSummary {
			continue
		}
		br.inputs[g.kind] = linear.NewInput(b.Sub("feature_projection", g.kind), g.width, c.QFormer.FeatureWidth)
		tokens += g.tokens
		if g.kind == kindClasses {
			br.Classes = widened(b.Trainable(false).Tensor("class_embeddings.weight", nn.Init{}, c.Extras.Classes, c.Shared))
		}
	}
	if c.hasHead() {
		br.Head = linear.New(b.Sub("picture_head"), linear.Size{
			In: summaryWidth(groups), Out: c.Shared,
			Hidden: c.Extras.PictureHead, Landmarks: c.Extras.PictureLandmarks, Axes: c.Extras.PictureAxes,
		})
		br.Lead = scalar(b, "vision_scale", firstLead)
		br.inputs[kindPicture] = linear.NewInput(b.Sub("feature_projection", kindPicture), c.Shared, c.QFormer.FeatureWidth)
		tokens++
	}
	br.places = b.Tensor("feature_positions", nn.Init{Kind: nn.Normal, Std: c.QFormer.InitStd}, tokens, c.QFormer.FeatureWidth)
}

// widened is a frozen matrix as float32 values.
func widened(t *tensor.Tensor) *tensor.Tensor {
	if t.Data() != nil {
		return t
	}
	w := tensor.NewParamOf(t.Name(), t.Floats(), t.Shape()...)
	w.SetTrainable(false)
	return w
}

// buffers are the bridge's tensors that do not learn.
func (br *Bridge) buffers() []*tensor.Tensor {
	var out []*tensor.Tensor
	if br.Classes != nil {
		out = append(out, br.Classes)
	}
	if br.Head != nil {
		out = append(out, br.Head.Mean)
		if l := br.Head.Landmarks; l != nil {
			out = append(out, l.Axes, l.Points, l.Rate)
		}
	}
	return out
}

// scalar binds a tensor of one element, stored with or without an axis, or makes it with a first value.
func scalar(b *nn.Builder, name string, first float32) *tensor.Tensor {
	shape, ok := b.ShapeOf(name)
	if ok && len(shape) == 0 {
		return b.Tensor(name, nn.Init{})
	}
	t := b.Tensor(name, nn.Init{}, 1)
	if !ok && t.Len() == 1 {
		t.Data()[0] = first
	}
	return t
}

// SoftPrompt brings what the bridge has read into the language model's space, where it stands for words: the queries' answers, or,
// in a model without queries' help, the picture as a whole or a resampler's latents.
type SoftPrompt struct {
	projection *qformer.Projection // of the queries' answers, or the resampler's latents; nil where prefix stands for them
	resampler  *resampler.Resampler
	prefix     *linear.Prefix
	picture    *qformer.Projection // nil, or one more soft word from the picture as a whole
	norm, bias *tensor.Tensor      // nil, or the layer norm behind them
}

func newSoftPrompt(b *nn.Builder, c Config, groups []featureGroup, width int) *SoftPrompt {
	s := &SoftPrompt{}
	switch {
	case c.Extras.SoftPrompt == softLinear:
		s.prefix = linear.NewPrefix(b.Sub("language_prefix"), summaryWidth(groups), c.QFormer.Queries, width)
	case c.resampled():
		s.resampler = resampler.New(b.Sub("language_resampler"), c.resampler())
		s.projection = qformer.NewProjection(b.Sub("language_projection"), c.QFormer.FeatureWidth, width)
	default:
		s.projection = qformer.NewProjection(b.Sub("language_projection"), c.QFormer.Width, width)
	}
	if c.hasHead() {
		s.picture = qformer.NewProjection(b.Sub("language_picture"), c.Shared, width)
	}
	if c.Extras.SoftPromptNorm {
		s.norm = b.Tensor("language_norm.weight", nn.Init{Kind: nn.One}, width)
		s.bias = b.Tensor("language_norm.bias", nn.Init{Kind: nn.Zero}, width)
	}
	return s
}

// Width is the language model's.
func (s *SoftPrompt) Width() int {
	if s.prefix != nil {
		return s.prefix.Width()
	}
	return s.projection.Out()
}

// Forward turns the queries' answer, or the view's summary, or what a resampler reads of its tokens, and the picture as a whole where there is a head for it, to soft words
// [batch, words, language width].
func (s *SoftPrompt) Forward(run *tensor.Run, answer *qformer.Answer, v View) *tensor.Tensor {
	var x *tensor.Tensor
	switch {
	case s.prefix != nil:
		x = s.prefix.Forward(run, v.Summary)
	case s.resampler != nil:
		x = s.projection.Forward(run, s.resampler.Forward(run, v.Tokens))
	default:
		x = s.projection.Forward(run, answer.Hidden)
	}
	if s.picture != nil {
		word := s.picture.Forward(run, v.Picture)
		x = run.Concat(1, x, run.Reshape(word, word.Dim(0), 1, word.Dim(1)))
	}
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
