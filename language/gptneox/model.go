// Package gptneox is the GPT-NeoX architecture (Black et al., 2022), as Pythia and RedPajama-INCITE are, the second the language model of
// OpenFlamingo-4B: token embeddings, blocks
//
//	a = Dense(attention(rotary(q), rotary(k), v)),  q, k, v = QKV·LayerNorm(h)
//	h ← h + a + FF(LayerNorm(h))                    parallel, or
//	h ← h + a;  h ← h + FF(LayerNorm(h))            one after the other (RedPajama)
//
// a last norm, and a head of its own. Queries, keys and values are one map whose rows go head by head: a head's q, k and v side by side.
// Hidden states are [B, T, width], logits [B, T, vocabulary]. Tensor names are transformers' (GPTNeoXForCausalLM).
package gptneox

import (
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
)

// Model is a GPT-NeoX with its weights. It may be used by many runs at a time.
type Model struct {
	language.Words
	cfg            Config
	path, dropPath string
	blocks         []block
	norm           norm
}

var _ language.Model = (*Model)(nil)

type block struct {
	path, attentionPath, mlpPath, actPath string
	dropPaths                             [2]string // of what the two halves give
	attentionNorm, mlpNorm                norm
	qkv, out, inner, outer                linear
}

// linear is x·weightᵀ + bias; weight is [out, in], bias nil where the model has none.
type linear struct {
	weight, bias *tensor.Tensor
	path         string
}

func (l *linear) of(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := r.Linear(x, l.weight, l.bias, kernel.NoAct)
	r.Observe(l.path, y)
	return y
}

// norm is a layer norm's parameters.
type norm struct {
	weight, bias *tensor.Tensor
	path         string
	eps          float32
}

func (n norm) of(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := r.LayerNorm(x, n.weight, n.bias, n.eps)
	r.Observe(n.path, y)
	return y
}

var normal = nn.Init{Kind: nn.Normal, Std: 0.02}

// New binds a model to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	inner := b.Sub("gpt_neox")
	cfg.Vocab = language.Vocabulary(inner, "embed_in.weight", cfg.Vocab)
	m := &Model{cfg: cfg, path: inner.Path(), dropPath: inner.Sub("emb_dropout").Path()}
	m.BindTable(inner, "embed_in.weight", cfg.Vocab, cfg.Width, -1)
	m.norm = newNorm(inner.Sub("final_layer_norm"), &cfg)
	for i := range b.Count(cfg.Layers) {
		m.blocks = append(m.blocks, newBlock(inner.Sub("layers", i), &cfg))
	}
	head := "embed_out"
	if !b.Has("embed_out.weight") && b.Has("lm_head.weight") { // as transformers 5 calls it, but for files that it writes itself
		head = "lm_head"
	}
	m.BindHead(b, head, cfg.Tied)
	return m
}

func newBlock(b *nn.Builder, c *Config) block {
	project := func(name string, in, out int, bias bool) linear {
		l := linear{weight: b.Tensor(name+".weight", normal, out, in), path: b.Sub(name).Path()}
		if bias {
			l.bias = b.Tensor(name+".bias", nn.Init{Kind: nn.Zero}, out)
		}
		return l
	}
	return block{
		path: b.Path(), attentionPath: b.Sub("attention").Path(), mlpPath: b.Sub("mlp").Path(), actPath: b.Sub("mlp", "act").Path(),
		dropPaths:     [2]string{b.Sub("post_attention_dropout").Path(), b.Sub("post_mlp_dropout").Path()},
		attentionNorm: newNorm(b.Sub("input_layernorm"), c),
		mlpNorm:       newNorm(b.Sub("post_attention_layernorm"), c),
		qkv:           project("attention.query_key_value", c.Width, 3*c.Width, c.Bias),
		out:           project("attention.dense", c.Width, c.Width, c.Bias),
		inner:         project("mlp.dense_h_to_4h", c.Width, c.FeedForward, true),
		outer:         project("mlp.dense_4h_to_h", c.FeedForward, c.Width, true),
	}
}

func newNorm(b *nn.Builder, c *Config) norm {
	return norm{b.Tensor("weight", nn.Init{Kind: nn.One}, c.Width), b.Tensor("bias", nn.Init{Kind: nn.Zero}, c.Width), b.Path(), c.Eps}
}

// Config implements language.Model.
func (m *Model) Config() language.Config {
	c := m.cfg.Shared("gptneox")
	c.Context = m.cfg.Longest(m.cfg.Rope.Stretch)
	return c
}

// Cost is what the model's work takes.
func (m *Model) Cost() language.Cost {
	return m.Words.Cost(m.cfg.Width, m.cfg.Width, len(m.blocks), func(i int) []*tensor.Tensor {
		b := &m.blocks[i]
		return []*tensor.Tensor{b.qkv.weight, b.out.weight, b.inner.weight, b.outer.weight}
	})
}

// Forward implements language.Model.
func (m *Model) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	p := language.BeginPass(r, in)
	p.ByPlace()
	r.Observe(m.dropPath, in.Embeds)
	h := p.Through(in.Embeds, len(m.blocks), func(i int, h *tensor.Tensor) *tensor.Tensor { return m.block(p, i, h) })
	h = m.norm.of(r, h)
	r.Observe(m.path, h)
	return h
}

func (m *Model) block(p *language.Pass, i int, h *tensor.Tensor) *tensor.Tensor {
	r, b := p.Run, &m.blocks[i]
	a := r.Add(h, m.attention(p, i, b.attentionNorm.of(r, h)))
	if !m.cfg.Parallel {
		h = a
	}
	x := b.mlpNorm.of(r, h)
	r.ShowLinear(x, b.inner.weight, b.inner.bias, b.inner.path, m.cfg.Act, b.actPath)
	x = r.FeedForward(x, b.inner.weight, b.inner.bias, m.cfg.Act, b.outer.weight, b.outer.bias)
	for _, path := range []string{b.outer.path, b.mlpPath, b.dropPaths[1]} {
		r.Observe(path, x)
	}
	h = r.Add(a, x)
	r.Observe(b.path, h)
	return h
}

func (m *Model) attention(p *language.Pass, i int, x *tensor.Tensor) *tensor.Tensor {
	r, b, c := p.Run, &m.blocks[i], &m.cfg
	d := c.headDim()
	qkv := r.Reshape(b.qkv.of(r, x), p.Rows*p.Length*c.Heads, 3*d)
	part := func(n int) *tensor.Tensor {
		return r.Reshape(r.Slice(qkv, 1, n*d, (n+1)*d), p.Rows, p.Length, c.Width)
	}
	y := p.Attend(i, tensor.AttentionArgs{
		Q: r.Rotary(part(0), p.Positions, c.Heads, c.Rope), Heads: c.Heads, Path: b.attentionPath,
	}, r.Rotary(part(1), p.Positions, c.Heads, c.Rope), part(2))
	y = b.out.of(r, y)
	r.Observe(b.attentionPath, y)
	r.Observe(b.dropPaths[0], y)
	return y
}

// Tied says whether the output head is the embedding.
func (m *Model) Tied() bool { return m.cfg.Tied }
