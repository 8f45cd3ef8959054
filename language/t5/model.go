// Package t5 is T5 (Raffel et al. 2020) with its later versions, v1.1 and Flan-T5 (Chung et al. 2022): an encoder that reads a
// prompt whole, and a decoder that writes behind a start token. Both are stacks of pre-norm blocks without any linear bias,
//
//	h ← h + O(attention(Q·x, K·x, V·x)),          x = RMSNorm(h)        scores unscaled, plus a bias by distance
//	h ← h + O(attention(Q·x, K·e, V·e)),          x = RMSNorm(h)        the decoder's: e is the encoder's last state
//	h ← h + Wo(act(Wi·x)),                        x = RMSNorm(h)        v1.0
//	h ← h + Wo(act(Wi0·x) ⊙ Wi1·x),               x = RMSNorm(h)        v1.1
//
// and a last norm. The biases by distance of a stack stand in its first block and serve all. Hidden states are [B, T, width],
// logits [B, T, vocabulary]. Tensor names are transformers' (T5ForConditionalGeneration).
package t5

import (
	"math"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
)

// Model is a T5 with its weights. It may be used by many runs at a time.
type Model struct {
	cfg              Config
	paths            paths
	embed            *tensor.Tensor // [vocabulary, width]
	encoder, decoder stack
	head             *tensor.Tensor // [vocabulary, width]
}

var _ language.Reader = (*Model)(nil)

// paths are the modules that an observer sees besides the stacks'.
type paths struct{ words, encoderWords, head, whole string }

// stack is the encoder or the decoder.
type stack struct {
	path, wordsPath, normPath, dropPath, biasPath string

	blocks   []block
	bias     *tensor.Tensor // [buckets, heads]
	distance tensor.Buckets
	norm     *tensor.Tensor // [width]
}

type block struct {
	path  string
	self  attention
	cross *attention // nil in the encoder
	mlp   feedForward
}

// sublayer is what stands around an attention or a feed-forward.
type sublayer struct {
	path, dropPath, layerPath, normPath string         // by itself, twice; with what is around it; what comes first of that
	norm                                *tensor.Tensor // [width]
}

type attention struct {
	sublayer
	query, key, value linear // [heads·d, width]
	out               linear // [width, heads·d]
}

type feedForward struct {
	sublayer
	in, gate                linear // [feed-forward width, width]; there is no gate in v1.0
	out                     linear // [width, feed-forward width]
	actPath, activationPath string // of the activation, and of what the last map reads
}

// linear is x·weightᵀ.
type linear struct {
	weight *tensor.Tensor
	path   string
}

func newLinear(b *nn.Builder, name string, in, out int) linear {
	return linear{weight: b.Tensor(name+".weight", normal, out, in), path: b.Sub(name).Path()}
}

func (l linear) of() tensor.Projection { return tensor.Projection{W: l.weight} }

var (
	normal = nn.Init{Kind: nn.Normal, Std: 0.02}
	one    = nn.Init{Kind: nn.One}
)

// New binds a model to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	name := "shared.weight"
	for _, alias := range []string{"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"} {
		if !b.Has(name) && b.Has(alias) {
			name = alias
		}
	}
	cfg.Vocab = language.Vocabulary(b, name, cfg.Vocab)
	m := &Model{cfg: cfg, paths: paths{
		words: b.Sub("shared").Path(), encoderWords: b.Sub("encoder", "embed_tokens").Path(), head: b.Sub("lm_head").Path(), whole: b.Path(),
	}}
	m.embed = b.Tensor(name, normal, cfg.Vocab, cfg.Width)
	m.encoder = newStack(b.Sub("encoder"), &cfg, cfg.EncoderLayers, false)
	m.decoder = newStack(b.Sub("decoder"), &cfg, cfg.DecoderLayers, true)
	m.head = m.embed
	if b.Has("lm_head.weight") && !b.Same("lm_head.weight", name) { // as in transformers 5, whatever the configuration says of ties
		m.head = b.Tensor("lm_head.weight", normal, cfg.Vocab, cfg.Width)
	}
	return m
}

func newStack(b *nn.Builder, c *Config, layers int, writes bool) stack {
	s := stack{
		path: b.Path(), wordsPath: b.Sub("embed_tokens").Path(), normPath: b.Sub("final_layer_norm").Path(), dropPath: b.Sub("dropout").Path(),
		biasPath: b.Sub("block", 0, "layer", 0, "SelfAttention", "relative_attention_bias").Path(),
		distance: tensor.Buckets{Far: c.Far, Ahead: !writes},
	}
	for i := range b.Count(layers) {
		b := b.Sub("block", i)
		k := block{path: b.Path(), self: newAttention(b.Sub("layer", 0), "SelfAttention", c)}
		if i == 0 {
			s.bias = b.Sub("layer", 0, "SelfAttention").Tensor("relative_attention_bias.weight", normal, c.Buckets, c.Heads)
		}
		last := 1
		if writes {
			cross := newAttention(b.Sub("layer", 1), "EncDecAttention", c)
			k.cross, last = &cross, 2
		}
		k.mlp = newFeedForward(b.Sub("layer", last), c)
		s.blocks = append(s.blocks, k)
	}
	s.norm = b.Tensor("final_layer_norm.weight", one, c.Width)
	return s
}

func newSublayer(b *nn.Builder, name string, c *Config) (sublayer, *nn.Builder) {
	inner := b.Sub(name)
	return sublayer{
		path: inner.Path(), dropPath: b.Sub("dropout").Path(), layerPath: b.Path(), normPath: b.Sub("layer_norm").Path(), norm: b.Tensor("layer_norm.weight", one, c.Width),
	}, inner
}

func newAttention(b *nn.Builder, name string, c *Config) attention {
	s, inner := newSublayer(b, name, c)
	return attention{
		sublayer: s,
		query:    newLinear(inner, "q", c.Width, c.Heads*c.HeadDim),
		key:      newLinear(inner, "k", c.Width, c.Heads*c.HeadDim),
		value:    newLinear(inner, "v", c.Width, c.Heads*c.HeadDim),
		out:      newLinear(inner, "o", c.Heads*c.HeadDim, c.Width),
	}
}

func newFeedForward(b *nn.Builder, c *Config) feedForward {
	s, inner := newSublayer(b, "DenseReluDense", c)
	f := feedForward{
		sublayer: s, out: newLinear(inner, "wo", c.FeedForward, c.Width),
		actPath: inner.Sub("act").Path(), activationPath: inner.Sub("dropout").Path(),
	}
	if c.Gated {
		f.gate, f.in = newLinear(inner, "wi_0", c.Width, c.FeedForward), newLinear(inner, "wi_1", c.Width, c.FeedForward)
	} else {
		f.in = newLinear(inner, "wi", c.Width, c.FeedForward)
	}
	return f
}

// Config implements language.Model.
func (m *Model) Config() language.Config { return m.cfg.shared() }

// Embed implements language.Model.
func (m *Model) Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor {
	x := r.Embedding(m.embed, ids, shape...)
	r.Observe(m.paths.words, x)
	r.Observe(m.paths.encoderWords, x)
	return x
}

// Logits implements language.Model.
func (m *Model) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	if m.cfg.ScaleOutput {
		hidden = r.Scale(hidden, float32(1/math.Sqrt(float64(m.cfg.Width))))
	}
	logits := r.Linear(hidden, m.head, nil, kernel.NoAct)
	r.Observe(m.paths.head, logits)
	r.Observe(m.paths.whole, logits)
	return logits
}
