// Package mpt is the MPT architecture (MosaicML, 2023), MPT-7B being the language model of OpenFlamingo-9B: token embeddings, blocks
//
//	h ← h + Out(attention(Q·x, K·x, V·x)),  x = LayerNorm(h)
//	h ← h + Down(gelu(Up·x)),               x = LayerNorm(h)
//
// a last norm, and a head that is the embedding itself. No map has a bias, nor has a norm. Positions are marked by ALiBi (Press et al.,
// 2022) alone: a head's scores fall by the same amount with each token further back. Hidden states are [B, T, width], logits [B, T,
// vocabulary]. Tensor names are transformers' (MptForCausalLM), which are MosaicML's own.
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
	cfg                      Config
	path, normPath, headPath string
	words                    *tensor.Tensor // [vocabulary, width]
	blocks                   []block
	norm                     *tensor.Tensor // [width]
	head                     *tensor.Tensor // [vocabulary, width]
	slopes                   []float64      // of each head
}

var _ language.Model = (*Model)(nil)

type block struct {
	path, attentionPath, mlpPath string
	attentionNorm, mlpNorm       *tensor.Tensor // [width]
	qkv, out, up, down           *tensor.Tensor
}

// New binds a model to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	inner := b.Sub("transformer")
	cfg.Vocab = language.Vocabulary(inner, "wte.weight", cfg.Vocab)
	normal, one := nn.Init{Kind: nn.Normal, Std: 0.02}, nn.Init{Kind: nn.One}
	m := &Model{
		cfg: cfg, path: inner.Path(), normPath: inner.Sub("norm_f").Path(), headPath: b.Sub("lm_head").Path(),
		words:  inner.Tensor("wte.weight", normal, cfg.Vocab, cfg.Width),
		norm:   inner.Tensor("norm_f.weight", one, cfg.Width),
		slopes: slopes(cfg.Heads, cfg.BiasMax),
	}
	for i := range cfg.Layers {
		l := inner.Sub("blocks", i)
		m.blocks = append(m.blocks, block{
			path: l.Path(), attentionPath: l.Sub("attn").Path(), mlpPath: l.Sub("ffn").Path(),
			attentionNorm: l.Tensor("norm_1.weight", one, cfg.Width),
			mlpNorm:       l.Tensor("norm_2.weight", one, cfg.Width),
			qkv:           l.Tensor("attn.Wqkv.weight", normal, 3*cfg.Width, cfg.Width),
			out:           l.Tensor("attn.out_proj.weight", normal, cfg.Width, cfg.Width),
			up:            l.Tensor("ffn.up_proj.weight", normal, cfg.FeedForward, cfg.Width),
			down:          l.Tensor("ffn.down_proj.weight", normal, cfg.Width, cfg.FeedForward),
		})
	}
	m.head = m.words
	if !cfg.Tied {
		m.head = b.Tensor("lm_head.weight", normal, cfg.Vocab, cfg.Width)
	}
	return m
}

// slopes are how much each head's scores fall with a token: powers of 2 from 2^−(max/heads) to 2^−max. Where the heads are no power of
// 2, they are those of the next one: every second first, then those between.
func slopes(heads int, most float64) []float64 {
	power := 1
	for power < heads {
		power *= 2
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
func (m *Model) Config() language.Config { return m.cfg.shared() }

// Cost is what the model's work takes.
func (m *Model) Cost() language.Cost {
	c := language.Cost{Head: m.head.Len(), HeadBytes: language.StoredBytes(m.head)}
	for i := range m.blocks {
		b := &m.blocks[i]
		c.Add(b.qkv, b.out, b.up, b.down)
		c.Attention += m.cfg.Width
		c.CacheRow += 2 * m.cfg.Width
	}
	return c
}

// Embed implements language.Model.
func (m *Model) Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor {
	return r.Embedding(m.words, ids, shape...)
}

// Logits implements language.Model.
func (m *Model) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	logits := r.Linear(hidden, m.head, nil, kernel.NoAct)
	r.Observe(m.headPath, logits)
	return logits
}

// Forward implements language.Model.
func (m *Model) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	p := language.BeginPass(r, in)
	bias := m.bias(p)
	h := in.Embeds
	mark := r.Mark()
	for i := range m.blocks {
		h = r.Release(mark, m.block(p, i, p.Enter(i, h), bias))
	}
	p.End()
	h = r.LayerNorm(h, m.norm, nil, m.cfg.Eps)
	r.Observe(m.normPath, h)
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
	h = r.Add(h, m.attention(p, i, r.LayerNorm(h, b.attentionNorm, nil, m.cfg.Eps), bias))
	x := r.FeedForward(r.LayerNorm(h, b.mlpNorm, nil, m.cfg.Eps), b.up, nil, kernel.GELU, b.down, nil)
	r.Observe(b.mlpPath, x)
	h = r.Add(h, x)
	r.Observe(b.path, h)
	return h
}

func (m *Model) attention(p *language.Pass, i int, x, bias *tensor.Tensor) *tensor.Tensor {
	r, b, d := p.Run, &m.blocks[i], m.cfg.Width
	qkv := r.Linear(x, b.qkv, nil, kernel.NoAct)
	y := p.Attend(i, tensor.AttentionArgs{
		Q: r.Slice(qkv, 2, 0, d), Heads: m.cfg.Heads, Scale: m.cfg.Scale, Bias: bias, Path: b.attentionPath,
	}, r.Slice(qkv, 2, d, 2*d), r.Slice(qkv, 2, 2*d, 3*d))
	y = r.Linear(y, b.out, nil, kernel.NoAct)
	r.Observe(b.attentionPath, y)
	return y
}
