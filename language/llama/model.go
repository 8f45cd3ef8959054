// Package llama is the LLaMA architecture (Touvron et al., 2023, section 2.2) with grouped queries, as SmolLM2 and Vicuna
// are: token embeddings, pre-norm blocks
//
//	h ← h + O(attention(rotary(Q·x), rotary(K·x), V·x)),  x = RMSNorm(h)
//	h ← h + Down(act(Gate·x) ⊙ Up·x),                     x = RMSNorm(h)
//
// a last norm, and a head that may be the embedding itself. Hidden states are [B, T, width], logits [B, T, vocabulary].
// Tensor names are transformers' (LlamaForCausalLM); GGUF files are read through a table of renames.
package llama

import (
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
)

// Model is a LLaMA with its weights. It may be used by many runs at a time.
type Model struct {
	words            language.Words
	cfg              Config
	path             string
	blocks           []block
	norm             norm
	extra, extraHead *tensor.Tensor // nil, or [additional words, width]: see extra.go

	extraPath, extraHeadPath string
}

var _ language.Model = (*Model)(nil)

type block struct {
	path, actPath          string
	attentionNorm, mlpNorm norm
	query, key, value, out projection
	gate, up, down         projection
	attentionPath, mlpPath string
}

// projection is a linear map whose bias most models lack.
type projection struct {
	weight, bias *tensor.Tensor
	path         string
}

// norm is an RMS norm.
type norm struct {
	weight *tensor.Tensor // [width]
	eps    float32
	path   string
}

func newNorm(b *nn.Builder, c *Config) norm {
	return norm{weight: b.Tensor("weight", nn.Init{Kind: nn.One}, c.Width), eps: c.Eps, path: b.Path()}
}

func (n norm) of(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := r.RMSNorm(x, n.weight, n.eps)
	r.Observe(n.path, y)
	return y
}

func (p projection) of() tensor.Projection { return tensor.Projection{W: p.weight, B: p.bias} }

// New binds a model to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	cfg.Vocab = language.Vocabulary(b, "model.embed_tokens.weight", cfg.Vocab)
	m := &Model{
		cfg: cfg, path: b.Sub("model").Path(),
	}
	inner := b.Sub("model")
	m.words.BindTable(inner, "embed_tokens.weight", cfg.Vocab, cfg.Width, cfg.Still)
	for i := range b.Count(cfg.Layers) {
		m.blocks = append(m.blocks, newBlock(inner.Sub("layers", i), &cfg))
	}
	m.norm = newNorm(inner.Sub("norm"), &cfg)
	m.words.BindHead(b, "lm_head", cfg.Tied)
	m.bindExtra(b)
	return m
}

func newBlock(b *nn.Builder, c *Config) block {
	linear := func(name string, in, out int) projection {
		return projection{
			weight: b.Tensor(name+".weight", nn.Init{Kind: nn.Normal, Std: 0.02}, out, in),
			bias:   b.Optional(name+".bias", out),
			path:   b.Sub(name).Path(),
		}
	}
	return block{
		path:          b.Path(),
		attentionPath: b.Sub("self_attn").Path(),
		mlpPath:       b.Sub("mlp").Path(),
		actPath:       b.Sub("mlp", "act_fn").Path(),
		attentionNorm: newNorm(b.Sub("input_layernorm"), c),
		query:         linear("self_attn.q_proj", c.Width, c.Heads*c.HeadDim),
		key:           linear("self_attn.k_proj", c.Width, c.KVHeads*c.HeadDim),
		value:         linear("self_attn.v_proj", c.Width, c.KVHeads*c.HeadDim),
		out:           linear("self_attn.o_proj", c.Heads*c.HeadDim, c.Width),
		mlpNorm:       newNorm(b.Sub("post_attention_layernorm"), c),
		gate:          linear("mlp.gate_proj", c.Width, c.FeedForward),
		up:            linear("mlp.up_proj", c.Width, c.FeedForward),
		down:          linear("mlp.down_proj", c.FeedForward, c.Width),
	}
}

// Config implements language.Model.
func (m *Model) Config() language.Config { return m.cfg.shared() }

// Cost is what the model's work takes.
func (m *Model) Cost() language.Cost {
	return m.words.Cost(m.cfg.Heads*m.cfg.HeadDim, m.cfg.KVHeads*m.cfg.HeadDim, len(m.blocks), func(i int) []*tensor.Tensor {
		b := &m.blocks[i]
		return []*tensor.Tensor{b.query.weight, b.key.weight, b.value.weight, b.out.weight, b.gate.weight, b.up.weight, b.down.weight}
	})
}

// Embed implements language.Model.
func (m *Model) Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor {
	if m.extra != nil {
		return m.embedExtra(r, ids, shape)
	}
	return m.words.Embed(r, ids, shape...)
}

// ObserveEmbeds and ObserveLogits show what comes of further words, which language.Extend adds, beside the model's own.
func (m *Model) ObserveEmbeds(r *tensor.Run, x *tensor.Tensor) { m.words.ObserveEmbeds(r, x) }

// ObserveLogits: see ObserveEmbeds.
func (m *Model) ObserveLogits(r *tensor.Run, logits *tensor.Tensor) { m.words.ObserveLogits(r, logits) }

// Logits implements language.Model.
func (m *Model) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	if m.extra == nil {
		return m.words.Logits(r, hidden)
	}
	logits := r.Beside(hidden, m.words.Head, m.extraHead)
	r.Show(m.extraHeadPath, func() *tensor.Tensor { return r.Linear(hidden, m.extraHead, nil, kernel.NoAct) })
	m.words.ObserveLogits(r, logits)
	return logits
}

// PlainHead is the head that logits come from alone; nil where additional words have one of their own.
func (m *Model) PlainHead() *tensor.Tensor {
	if m.extra != nil {
		return nil
	}
	return m.words.PlainHead()
}

// Forward implements language.Model.
func (m *Model) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	p := language.BeginPass(r, in)
	if !m.cfg.Counted {
		p.ByPlace()
	} else if in.Cache == nil {
		for i, shown := range in.Mask {
			if shown == 0 {
				p.Positions[i] = 1
			}
		}
	}
	h := p.Through(in.Embeds, len(m.blocks), func(i int, h *tensor.Tensor) *tensor.Tensor { return m.block(p, i, h) })
	h = m.norm.of(r, h)
	r.Observe(m.path, h)
	return h
}

func (m *Model) block(p *language.Pass, i int, h *tensor.Tensor) *tensor.Tensor {
	r, b, c := p.Run, &m.blocks[i], &m.cfg
	h = r.Add(h, m.attention(p, i, b.attentionNorm.of(r, h)))
	x := b.mlpNorm.of(r, h)
	var wide [2]*tensor.Tensor
	r.Linears(wide[:], x, b.gate.of(), b.up.of())
	r.Observe(b.gate.path, wide[0])
	r.Observe(b.up.path, wide[1])
	r.ShowAct(b.actPath, wide[0], c.Act)
	x = r.Linear(r.GLU(wide[0], wide[1], c.Act), b.down.weight, b.down.bias, kernel.NoAct)
	r.Observe(b.down.path, x)
	r.Observe(b.mlpPath, x)
	h = r.Add(h, x)
	r.Observe(b.path, h)
	return h
}

func (m *Model) attention(p *language.Pass, i int, x *tensor.Tensor) *tensor.Tensor {
	r, b, c := p.Run, &m.blocks[i], &m.cfg
	var qkv [3]*tensor.Tensor
	r.Linears(qkv[:], x, b.query.of(), b.key.of(), b.value.of())
	for i, p := range []*projection{&b.query, &b.key, &b.value} {
		r.Observe(p.path, qkv[i])
	}
	y := p.Attend(i, tensor.AttentionArgs{
		Q: r.Rotary(qkv[0], p.Positions, c.Heads, c.Rope), Heads: c.Heads, KVHeads: c.KVHeads, Path: b.attentionPath,
	}, r.Rotary(qkv[1], p.Positions, c.KVHeads, c.Rope), qkv[2])
	y = r.Linear(y, b.out.weight, b.out.bias, kernel.NoAct)
	r.Observe(b.out.path, y)
	r.Observe(b.attentionPath, y)
	return y
}

// Tied says whether the output head is the embedding.
func (m *Model) Tied() bool { return m.cfg.Tied }
