package t5

import (
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
)

// Read implements language.Reader: the encoder, and the keys and values that each of the decoder's blocks makes of its last state.
func (m *Model) Read(r *tensor.Run, in language.Input) *language.Reading {
	length := in.Embeds.Dim(1)
	p := pass{model: m, run: r, keyMask: in.Mask, bias: m.encoder.relative(r, length, 0)}
	h := m.encoder.forward(&p, in.Embeds, nil)
	reading := language.NewReading(in)
	for i := range m.decoder.blocks {
		a := m.decoder.blocks[i].cross
		var kv [2]*tensor.Tensor
		r.Linears(kv[:], h, tensor.Projection{W: a.key}, tensor.Projection{W: a.value})
		reading.Add(kv[0], kv[1])
	}
	reading.Done()
	return reading
}

// Forward implements language.Model: the decoder.
func (m *Model) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	p := pass{model: m, run: r, keyMask: in.Mask, cache: in.Cache, source: in.Source, causal: true}
	length, before := in.Embeds.Dim(1), 0
	if p.cache != nil {
		before = p.cache.Len()
		p.cache.Begin(in.Mask, length)
	}
	p.bias = m.decoder.relative(r, length, before)
	h := m.decoder.forward(&p, in.Embeds, in.Hook)
	if p.cache != nil {
		p.cache.End()
	}
	return h
}

// relative is the bias of a stack's scores between so many new tokens and all there are with those before them.
func (s *stack) relative(r *tensor.Run, length, before int) *tensor.Tensor {
	return r.RelativeBias(s.bias, s.distance, length, before+length, before)
}

// pass is what the blocks of one forward share.
type pass struct {
	model   *Model
	run     *tensor.Run
	bias    *tensor.Tensor // by distance, as tensor.RelativeBias makes it
	keyMask []uint8        // [B, keys], or nil
	causal  bool
	cache   *language.Cache
	source  *language.Reading
}

// forward runs embeddings through a stack.
func (s *stack) forward(p *pass, h *tensor.Tensor, hook language.Hook) *tensor.Tensor {
	r := p.run
	mark := r.Mark()
	for i := range s.blocks {
		if hook != nil {
			h = hook(r, i, h)
		}
		h = r.Release(mark, p.block(i, &s.blocks[i], h))
	}
	h = r.RMSNorm(h, s.norm, p.model.cfg.Eps)
	r.Observe(s.normPath, h)
	r.Observe(s.path, h)
	return h
}

func (p *pass) block(i int, b *block, h *tensor.Tensor) *tensor.Tensor {
	r := p.run
	h = p.selfAttention(i, &b.self, h)
	if b.cross != nil {
		h = p.crossAttention(i, b.cross, h)
	}
	x := p.normed(&b.mlp.sublayer, h)
	if f := &b.mlp; f.gate == nil {
		x = r.FeedForward(x, f.in, nil, p.model.cfg.Act, f.out, nil)
	} else {
		var wide [2]*tensor.Tensor
		r.Linears(wide[:], x, tensor.Projection{W: f.gate}, tensor.Projection{W: f.in})
		x = r.Linear(r.GLU(wide[0], wide[1], p.model.cfg.Act), f.out, nil, kernel.NoAct)
	}
	h = p.add(&b.mlp.sublayer, h, x)
	r.Observe(b.path, h)
	return h
}

func (p *pass) selfAttention(i int, a *attention, h *tensor.Tensor) *tensor.Tensor {
	x := p.normed(&a.sublayer, h)
	var qkv [3]*tensor.Tensor
	p.run.Linears(qkv[:], x, tensor.Projection{W: a.query}, tensor.Projection{W: a.key}, tensor.Projection{W: a.value})
	args := tensor.AttentionArgs{Q: qkv[0], Bias: p.bias, KeyMask: p.keyMask, Causal: p.causal}
	kv := tensor.KV{K: qkv[1], V: qkv[2]}
	if p.cache != nil {
		args.CausalOffset = p.cache.Len()
		kv, args.KeyMask = p.cache.Extend(i, kv.K, kv.V)
	}
	return p.attend(a, h, args, kv)
}

func (p *pass) crossAttention(i int, a *attention, h *tensor.Tensor) *tensor.Tensor {
	query := p.run.Linear(p.normed(&a.sublayer, h), a.query, nil, kernel.NoAct)
	kv, mask := p.source.Layer(i)
	return p.attend(a, h, tensor.AttentionArgs{Q: query, KeyMask: mask}, kv)
}

// attend is what both kinds of attention end with; scores are not scaled.
func (p *pass) attend(a *attention, h *tensor.Tensor, args tensor.AttentionArgs, kv tensor.KV) *tensor.Tensor {
	args.Heads, args.Scale, args.Path, args.KV = p.model.cfg.Heads, 1, a.path, p.run.KVs(kv)
	return p.add(&a.sublayer, h, p.run.Linear(p.run.Attention(args), a.out, nil, kernel.NoAct))
}

// normed is what a sublayer reads.
func (p *pass) normed(s *sublayer, h *tensor.Tensor) *tensor.Tensor {
	x := p.run.RMSNorm(h, s.norm, p.model.cfg.Eps)
	p.run.Observe(s.normPath, x)
	return x
}

// add puts a sublayer's result x back.
func (p *pass) add(s *sublayer, h, x *tensor.Tensor) *tensor.Tensor {
	p.run.Observe(s.path, x)
	h = p.run.Add(h, x)
	p.run.Observe(s.layerPath, h)
	return h
}
