// Package mpt is the MPT architecture (MosaicML, 2023) in its two generations: MosaicGPT, of which MPT-1B is one, the language model of
// OpenFlamingo-3B, and MPT, whose MPT-7B is that of OpenFlamingo-9B. Token embeddings, blocks
//
//	h ← h + Out(attention(Q·x, K·x, V·x)),  x = LayerNorm(h)
//	h ← h + Down(gelu(Up·x)),               x = LayerNorm(h)
//
// a last norm, and a head that is the embedding itself. Maps and norms have no biases in anything that was released. Positions are marked
// by ALiBi (Press et al., 2022) alone: a head's scores fall by the same amount with each token further back. MPT-1B norms queries and keys,
// over all heads together. Hidden states are [B, T, width], logits [B, T, vocabulary]. Tensor names are MosaicML's own, which transformers'
// MptForCausalLM kept.
package mpt

import (
	"math"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
)

// Model is an MPT with its weights. It may be used by many runs at a time.
type Model struct {
	words  language.Words
	cfg    Config
	path   string
	blocks []block
	norm   norm
	slopes []float64 // of each head
}

var _ language.Model = (*Model)(nil)

type block struct {
	path, attentionPath, mlpPath, actPath, dropPath string
	attentionNorm, mlpNorm                          norm
	queryNorm, keyNorm                              norm // without weights where there are none
	qkv, out, up, down                              linear
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
	weight, bias *tensor.Tensor // [width]
	path         string
	eps          float32
}

func (n norm) of(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	if n.weight == nil {
		return x
	}
	y := r.LayerNorm(x, n.weight, n.bias, n.eps)
	r.Observe(n.path, y)
	return y
}

// New binds a model to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	inner := b.Sub("transformer")
	cfg = cfg.asStored(inner)
	w := cfg.names()
	cfg.Vocab = language.Vocabulary(inner, "wte.weight", cfg.Vocab)
	m := &Model{cfg: cfg, path: inner.Path(), slopes: slopes(cfg.Heads, cfg.BiasMax, cfg.First)}
	m.words.BindTable(inner, "wte.weight", cfg.Vocab, cfg.Width, -1)
	m.norm = newNorm(inner.Sub(w.lastNorm), &cfg)
	for i := range b.Count(cfg.Layers) {
		m.blocks = append(m.blocks, newBlock(inner.Sub("blocks", i), &cfg))
	}
	m.words.BindHead(b, "lm_head", cfg.Tied)
	return m
}

func newBlock(b *nn.Builder, c *Config) block {
	w, a := c.names(), b.Sub("attn")
	f := b.Sub(w.module)
	k := block{
		path: b.Path(), attentionPath: a.Path(), mlpPath: f.Path(), actPath: f.Sub(w.act).Path(),
		attentionNorm: newNorm(b.Sub(w.norm1), c),
		mlpNorm:       newNorm(b.Sub(w.norm2), c),
		qkv:           newLinear(a.Sub("Wqkv"), c, c.Width, 3*c.Width),
		out:           newLinear(a.Sub("out_proj"), c, c.Width, c.Width),
		up:            newLinear(f.Sub(w.up), c, c.Width, c.FeedForward),
		down:          newLinear(f.Sub(w.down), c, c.FeedForward, c.Width),
	}
	if !c.First { // transformers' name
		k.dropPath = b.Sub("resid_attn_dropout").Path()
	}
	if c.HeadNorm {
		k.queryNorm, k.keyNorm = newNorm(a.Sub("q_ln"), c), newNorm(a.Sub("k_ln"), c)
	}
	return k
}

func newLinear(b *nn.Builder, c *Config, in, out int) linear {
	l := linear{weight: b.Tensor("weight", nn.Init{Kind: nn.Normal, Std: 0.02}, out, in), path: b.Path()}
	if c.Bias {
		l.bias = b.Tensor("bias", nn.Init{Kind: nn.Zero}, out)
	}
	return l
}

func newNorm(b *nn.Builder, c *Config) norm {
	n := norm{weight: b.Tensor("weight", nn.Init{Kind: nn.One}, c.Width), path: b.Path(), eps: c.Eps}
	if c.Bias {
		n.bias = b.Tensor("bias", nn.Init{Kind: nn.Zero}, c.Width)
	}
	return n
}

// slopes are how much each head's scores fall with a token: powers of 2 from 2^−(most/heads) to 2^−most. Where the heads are no power of
// 2, MPT has those of the next one, every second first, then those between; MosaicGPT has the powers, plain.
func slopes(heads int, most float64, plain bool) []float64 {
	power := 1
	for power < heads {
		power *= 2
	}
	if plain {
		power = heads
	}
	all := make([]float64, power)
	for i := range all {
		all[i] = math.Exp2(-float64(i+1) * most / float64(power))
	}
	if power == heads {
		return all
	}
	var picked []float64
	for _, from := range []int{1, 0} {
		for i := from; i < power; i += 2 {
			picked = append(picked, all[i])
		}
	}
	return picked[:heads]
}

// Config implements language.Model.
func (m *Model) Config() language.Config { return m.cfg.Shared("mpt") }

// Cost is what the model's work takes.
func (m *Model) Cost() language.Cost {
	return m.words.Cost(m.cfg.Width, m.cfg.Width, len(m.blocks), func(i int) []*tensor.Tensor {
		b := &m.blocks[i]
		return []*tensor.Tensor{b.qkv.weight, b.out.weight, b.up.weight, b.down.weight}
	})
}

// Embed implements language.Model.
func (m *Model) Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor {
	return m.words.Embed(r, ids, shape...)
}

// ObserveEmbeds and ObserveLogits show what comes of further words, which language.Extend adds, beside the model's own.
func (m *Model) ObserveEmbeds(r *tensor.Run, x *tensor.Tensor) { m.words.ObserveEmbeds(r, x) }

// ObserveLogits: see ObserveEmbeds.
func (m *Model) ObserveLogits(r *tensor.Run, logits *tensor.Tensor) { m.words.ObserveLogits(r, logits) }

// Logits implements language.Model.
func (m *Model) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	if m.cfg.Logits != 0 {
		hidden = r.Scale(hidden, m.cfg.Logits)
	}
	return m.words.Logits(r, hidden)
}

// LogitScale is what logits are multiplied with, those of words that are added to the model too; 0: nothing.
func (m *Model) LogitScale() float32 { return m.cfg.Logits }

// PlainHead is the head that logits come from alone; nil where hidden states are scaled for it.
func (m *Model) PlainHead() *tensor.Tensor {
	if m.cfg.Logits != 0 {
		return nil
	}
	return m.words.PlainHead()
}

// Forward implements language.Model.
func (m *Model) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	p := language.BeginPass(r, in)
	bias := m.bias(p)
	h := p.Through(in.Embeds, len(m.blocks), func(i int, h *tensor.Tensor) *tensor.Tensor { return m.block(p, i, h, bias) })
	h = m.norm.of(r, h)
	r.Observe(m.path, h)
	return h
}

// bias is ALiBi's for all rows of a pass, [heads, tokens, keys]. What scores of a query have in common a softmax does not see, so that
// the last key may stand for every query's own place.
func (m *Model) bias(p *language.Pass) *tensor.Tensor {
	keys := p.Keys()
	bias := p.Run.New(m.cfg.Heads, p.Length, keys)
	for h, slope := range m.slopes {
		of := bias.Data()[h*p.Length*keys:][:p.Length*keys]
		for j := range keys {
			of[j] = float32(slope * float64(j-keys+1))
		}
		for t := 1; t < p.Length; t++ {
			copy(of[t*keys:], of[:keys])
		}
	}
	return bias
}

func (m *Model) block(p *language.Pass, i int, h, bias *tensor.Tensor) *tensor.Tensor {
	r, b := p.Run, &m.blocks[i]
	h = r.Add(h, m.attention(p, i, b.attentionNorm.of(r, h), bias))
	x := b.mlpNorm.of(r, h)
	r.ShowLinear(x, b.up.weight, b.up.bias, b.up.path, kernel.GELU, b.actPath)
	x = r.FeedForward(x, b.up.weight, b.up.bias, kernel.GELU, b.down.weight, b.down.bias)
	r.Observe(b.down.path, x)
	h = r.Add(h, x)
	if !m.cfg.First { // its feed-forward, as transformers has it, adds what goes around it
		x = h
	}
	r.Observe(b.mlpPath, x)
	r.Observe(b.path, h)
	return h
}

func (m *Model) attention(p *language.Pass, i int, x, bias *tensor.Tensor) *tensor.Tensor {
	r, b, d := p.Run, &m.blocks[i], m.cfg.Width
	qkv := b.qkv.of(r, x)
	query, key, value := r.Slice(qkv, 2, 0, d), r.Slice(qkv, 2, d, 2*d), r.Slice(qkv, 2, 2*d, 3*d)
	y := p.Attend(i, tensor.AttentionArgs{
		Q: b.queryNorm.of(r, query), Heads: m.cfg.Heads, Scale: m.cfg.Scale, Bias: bias, Path: b.attentionPath,
	}, b.keyNorm.of(r, key), value)
	y = b.out.of(r, y)
	r.Observe(b.attentionPath, y)
	r.Observe(b.dropPath, y)
	return y
}

// Tied says whether the output head is the embedding.
func (m *Model) Tied() bool { return m.cfg.Tied }
