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
		r.Linears(kv[:], h, a.key.of(), a.value.of())
		r.Observe(a.key.path, kv[0])
		r.Observe(a.value.path, kv[1])
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
	r.Observe(m.decoder.wordsPath, in.Embeds)
	h := m.decoder.forward(&p, in.Embeds, in.Hook)
	if p.cache != nil {
		p.cache.End()
	}
	return h
}

// relative is the bias of a stack's scores between so many new tokens and all there are with those before them.
func (s *stack) relative(r *tensor.Run, length, before int) *tensor.Tensor {
	bias := r.RelativeBias(s.bias, s.distance, length, before+length, before)
	r.Show(s.biasPath, func() *tensor.Tensor { return byPair(r, bias, length) })
	return bias
}

// byPair spells a bias by distance [heads, queries+keys−1] out, as the reference looks it up: [queries, keys, heads].
func byPair(r *tensor.Run, bias *tensor.Tensor, queries int) *tensor.Tensor {
	heads, distances := bias.Dim(0), bias.Dim(1)
	keys := distances + 1 - queries
	y := r.New(queries, keys, heads)
	for i := range y.Data() {
		q, k, h := i/heads/keys, i/heads%keys, i%heads
		y.Data()[i] = bias.Data()[h*distances+k+queries-1-q]
	}
	return y
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
	r.Observe(s.dropPath, h)
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
	h = p.add(&b.mlp.sublayer, h, p.feedForward(&b.mlp, x))
	r.Observe(b.path, h)
	return h
}

func (p *pass) feedForward(f *feedForward, x *tensor.Tensor) *tensor.Tensor {
	r, act := p.run, p.model.cfg.Act
	if f.gate.weight == nil {
		r.ShowLinear(x, f.in.weight, nil, f.in.path, act, f.actPath)
		r.Show(f.activationPath, func() *tensor.Tensor { return r.Linear(x, f.in.weight, nil, act) })
		x = r.FeedForward(x, f.in.weight, nil, act, f.out.weight, nil)
	} else {
		var wide [2]*tensor.Tensor
		r.Linears(wide[:], x, f.gate.of(), f.in.of())
		r.Observe(f.gate.path, wide[0])
		r.Observe(f.in.path, wide[1])
		r.ShowAct(f.actPath, wide[0], act)
		x = r.GLU(wide[0], wide[1], act)
		r.Observe(f.activationPath, x)
		x = r.Linear(x, f.out.weight, nil, kernel.NoAct)
	}
	r.Observe(f.out.path, x)
	return x
}

func (p *pass) selfAttention(i int, a *attention, h *tensor.Tensor) *tensor.Tensor {
	x := p.normed(&a.sublayer, h)
	var qkv [3]*tensor.Tensor
	p.run.Linears(qkv[:], x, a.query.of(), a.key.of(), a.value.of())
	for i, l := range []*linear{&a.query, &a.key, &a.value} {
		p.run.Observe(l.path, qkv[i])
	}
	args := tensor.AttentionArgs{Q: qkv[0], Bias: p.bias, KeyMask: p.keyMask, Causal: p.causal}
	kv := tensor.KV{K: qkv[1], V: qkv[2]}
	if p.cache != nil {
		args.CausalOffset = p.cache.Len()
		kv, args.KeyMask = p.cache.Extend(i, kv.K, kv.V)
	}
	return p.attend(a, h, args, kv)
}

func (p *pass) crossAttention(i int, a *attention, h *tensor.Tensor) *tensor.Tensor {
	query := p.run.Linear(p.normed(&a.sublayer, h), a.query.weight, nil, kernel.NoAct)
	p.run.Observe(a.query.path, query)
	kv, mask := p.source.Layer(i)
	return p.attend(a, h, tensor.AttentionArgs{Q: query, KeyMask: mask}, kv)
}

// attend is what both kinds of attention end with; scores are not scaled.
func (p *pass) attend(a *attention, h *tensor.Tensor, args tensor.AttentionArgs, kv tensor.KV) *tensor.Tensor {
	args.Heads, args.Scale, args.Path, args.KV = p.model.cfg.Heads, 1, a.path, p.run.KVs(kv)
	x := p.run.Linear(p.run.Attention(args), a.out.weight, nil, kernel.NoAct)
	p.run.Observe(a.out.path, x)
	return p.add(&a.sublayer, h, x)
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
	p.run.Observe(s.dropPath, x)
	h = p.run.Add(h, x)
	p.run.Observe(s.layerPath, h)
	return h
}
