// Package opt is the OPT architecture (Zhang et al., 2022), the language model of the smaller BLIP-2: embeddings of tokens and of
// learned positions, blocks
//
//	h ← h + Out(attention(Q·x, K·x, V·x)),  x = LayerNorm(h)
//	h ← h + FC2(relu(FC1·x)),               x = LayerNorm(h)
//
// a last norm, and a head that is the embedding itself. In opt-350m the norms stand behind the sums instead, there is no last
// norm, and two projections lead from narrower word embeddings into the blocks and back. Hidden states are [B, T, width] inside,
// [B, T, word width] where they come in and go out; logits [B, T, vocabulary]. Tensor names are transformers' (OPTForCausalLM).
package opt

import (
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
)

const (
	eps = 1e-5 // of the layer norms

	// A token's position is its number among the tokens of its row, and its embedding the row positionOffset further on in the
	// table: what is left of fairseq's padding index. Padding has the row before the first token's.
	positionOffset = 2
	paddingRow     = positionOffset - 1
)

// Model is an OPT with its weights. It may be used by many runs at a time.
type Model struct {
	language.Words // [vocabulary, word width]

	cfg       Config
	paths     paths
	positions *tensor.Tensor // [context + positionOffset, width]
	in, out   *tensor.Tensor // nil, or [width, word width] and [word width, width]
	blocks    []block
	norm      norm // of the last hidden states, where there is one
}

var _ language.Model = (*Model)(nil)

// paths are the modules that an observer sees besides the blocks'.
type paths struct{ positions, in, out, decoder, model string }

type block struct {
	path, attentionPath, actPath   string
	attentionNorm, feedForwardNorm norm
	query, key, value, out         linear
	inner, outer                   linear // of the feed-forward
}

// linear is x·weightᵀ + bias; weight is [out, in], bias nil where the model has none.
type linear struct {
	weight, bias *tensor.Tensor
	path         string
}

func (l linear) of() tensor.Projection { return tensor.Projection{W: l.weight, B: l.bias} }

// norm is a layer norm's parameters.
type norm struct {
	weight, bias *tensor.Tensor
	path         string
}

func (n norm) of(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := r.LayerNorm(x, n.weight, n.bias, eps)
	r.Observe(n.path, y)
	return y
}

// ofSum is of(x + residual), fused.
func (n norm) ofSum(r *tensor.Run, x, residual *tensor.Tensor) *tensor.Tensor {
	y := r.AddLayerNorm(x, residual, n.weight, n.bias, eps)
	r.Observe(n.path, y)
	return y
}

// New binds a model to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	base := b.Sub("model")
	if b.Has("decoder.embed_tokens.weight") { // saved without its head, as the first releases were
		base = b
	}
	inner := base.Sub("decoder")
	cfg.Vocab = language.Vocabulary(inner, "embed_tokens.weight", cfg.Vocab)
	m := &Model{
		cfg: cfg,
		paths: paths{
			positions: inner.Sub("embed_positions").Path(), in: inner.Sub("project_in").Path(), out: inner.Sub("project_out").Path(),
			decoder: inner.Path(), model: base.Path(),
		},
	}
	m.BindTable(inner, "embed_tokens.weight", cfg.Vocab, cfg.WordWidth, cfg.Pad)
	m.positions = inner.Tensor("embed_positions.weight", normal, cfg.Context+positionOffset, cfg.Width)
	if cfg.WordWidth != cfg.Width {
		m.in = inner.Tensor("project_in.weight", normal, cfg.Width, cfg.WordWidth)
		m.out = inner.Tensor("project_out.weight", normal, cfg.WordWidth, cfg.Width)
	}
	for i := range b.Count(cfg.Layers) {
		m.blocks = append(m.blocks, newBlock(inner.Sub("layers", i), &cfg))
	}
	if cfg.LastNorm {
		m.norm = newNorm(inner.Sub("final_layer_norm"), cfg.Width)
	}
	m.BindHead(b, "lm_head", cfg.Tied)
	return m
}

var normal = nn.Init{Kind: nn.Normal, Std: 0.02}

func newBlock(b *nn.Builder, c *Config) block {
	project := func(name string, in, out int) linear {
		l := linear{weight: b.Tensor(name+".weight", normal, out, in), path: b.Sub(name).Path()}
		if c.Bias {
			l.bias = b.Tensor(name+".bias", nn.Init{Kind: nn.Zero}, out)
		}
		return l
	}
	return block{
		path:            b.Path(),
		attentionPath:   b.Sub("self_attn").Path(),
		actPath:         b.Sub("activation_fn").Path(),
		attentionNorm:   newNorm(b.Sub("self_attn_layer_norm"), c.Width),
		query:           project("self_attn.q_proj", c.Width, c.Width),
		key:             project("self_attn.k_proj", c.Width, c.Width),
		value:           project("self_attn.v_proj", c.Width, c.Width),
		out:             project("self_attn.out_proj", c.Width, c.Width),
		feedForwardNorm: newNorm(b.Sub("final_layer_norm"), c.Width),
		inner:           project("fc1", c.Width, c.FeedForward),
		outer:           project("fc2", c.FeedForward, c.Width),
	}
}

func newNorm(b *nn.Builder, width int) norm {
	return norm{
		weight: b.Tensor("weight", nn.Init{Kind: nn.One}, width),
		bias:   b.Tensor("bias", nn.Init{Kind: nn.Zero}, width),
		path:   b.Path(),
	}
}

// Config implements language.Model.
func (m *Model) Config() language.Config { return m.cfg.shared() }

// Cost is what the model's work takes.
func (m *Model) Cost() language.Cost {
	c := m.Words.Cost(m.cfg.Width, m.cfg.Width, len(m.blocks), func(i int) []*tensor.Tensor {
		b := &m.blocks[i]
		return []*tensor.Tensor{b.query.weight, b.key.weight, b.value.weight, b.out.weight, b.inner.weight, b.outer.weight}
	})
	if m.in != nil {
		c.Add(m.in, m.out)
	}
	return c
}

// Forward implements language.Model.
func (m *Model) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	p := language.BeginPass(r, in)
	h := in.Embeds
	if m.in != nil {
		h = r.Linear(h, m.in, nil, kernel.NoAct)
		r.Observe(m.paths.in, h)
	}
	at := r.Embedding(m.positions, rows(p), p.Rows, p.Length)
	r.Observe(m.paths.positions, at)
	h = p.Through(r.Add(h, at), len(m.blocks), func(i int, h *tensor.Tensor) *tensor.Tensor { return m.block(p, i, h) })
	if m.cfg.LastNorm {
		h = m.norm.of(r, h)
	}
	if m.out != nil {
		h = r.Linear(h, m.out, nil, kernel.NoAct)
		r.Observe(m.paths.out, h)
	}
	r.Observe(m.paths.decoder, h)
	r.Observe(m.paths.model, h)
	return h
}

// rows are those of the table of positions.
func rows(p *language.Pass) []int32 {
	index := make([]int32, len(p.Positions))
	for i, at := range p.Positions {
		index[i] = at + positionOffset
		if p.Mask != nil && p.Mask[i] == 0 {
			index[i] = paddingRow
		}
	}
	return index
}

func (m *Model) block(p *language.Pass, i int, h *tensor.Tensor) *tensor.Tensor {
	r, b := p.Run, &m.blocks[i]
	if m.cfg.NormBefore {
		h = r.Add(h, m.attention(p, i, b.attentionNorm.of(r, h)))
		x := r.LayerNorm(h, b.feedForwardNorm.weight, b.feedForwardNorm.bias, eps)
		showRows(r, b.feedForwardNorm.path, x)
		h = r.Add(h, m.feedForward(r, b, x))
	} else {
		h = b.attentionNorm.ofSum(r, m.attention(p, i, h), h)
		h = b.feedForwardNorm.ofSum(r, m.feedForward(r, b, h), h)
	}
	r.Observe(b.path, h)
	return h
}

func (m *Model) feedForward(r *tensor.Run, b *block, x *tensor.Tensor) *tensor.Tensor {
	if r.Options().Observer != nil {
		r.ShowLinear(r.Reshape(x, -1, m.cfg.Width), b.inner.weight, b.inner.bias, b.inner.path, m.cfg.Act, b.actPath)
	}
	y := r.FeedForward(x, b.inner.weight, b.inner.bias, m.cfg.Act, b.outer.weight, b.outer.bias)
	showRows(r, b.outer.path, y)
	return y
}

// showRows shows x [B, T, width] as the reference has it in a feed-forward: [B·T, width].
func showRows(r *tensor.Run, path string, x *tensor.Tensor) {
	r.Show(path, func() *tensor.Tensor { return r.Reshape(x, -1, x.Dim(-1)) })
}

func (m *Model) attention(p *language.Pass, i int, x *tensor.Tensor) *tensor.Tensor {
	r, b := p.Run, &m.blocks[i]
	var qkv [3]*tensor.Tensor
	r.Linears(qkv[:], x, b.query.of(), b.key.of(), b.value.of())
	for i, l := range []*linear{&b.query, &b.key, &b.value} {
		r.Observe(l.path, qkv[i])
	}
	y := p.Attend(i, tensor.AttentionArgs{Q: qkv[0], Heads: m.cfg.Heads, Path: b.attentionPath}, qkv[1], qkv[2])
	y = r.Linear(y, b.out.weight, b.out.bias, kernel.NoAct)
	r.Observe(b.out.path, y)
	r.Observe(b.attentionPath, y)
	return y
}

// Tied says whether the output head is the embedding.
func (m *Model) Tied() bool { return m.cfg.Tied }
