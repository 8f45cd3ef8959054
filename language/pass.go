package language

import "dragoman/tensor"

// Pass is what the blocks of one forward share: where its tokens stand, and what their attention reads.
type Pass struct {
	Run          *tensor.Run
	Positions    []int32 // [Rows, Length], of each token among those of its row; padding has any
	Mask         []uint8 // [Rows, Length], 0 for padding; nil: none is
	Rows, Length int

	cache *Cache
	hook  Hook
}

// BeginPass opens a pass over what in holds. Every block must then Attend once, and End closes the pass.
func BeginPass(r *tensor.Run, in Input) *Pass {
	p := &Pass{Run: r, Mask: in.Mask, Rows: in.Embeds.Dim(0), Length: in.Embeds.Dim(1), cache: in.Cache, hook: in.Hook}
	if p.cache != nil {
		p.Positions = p.cache.Begin(in.Mask, p.Length)
	} else {
		p.Positions = Positions(nil, in.Mask, nil, p.Rows, p.Length)
	}
	return p
}

// ByPlace has tokens stand where they are, padding among them, unless the pass reads on from a cache. Rotations only see distances, so padding
// before or behind a text may count or not; outside of generation it counts in transformers, whose padding's own hidden states show it.
func (p *Pass) ByPlace() {
	if p.cache == nil && p.Mask != nil {
		p.Positions = Positions(nil, nil, nil, p.Rows, p.Length)
	}
}

// Keys is how many keys each token's attention reads, before masks.
func (p *Pass) Keys() int {
	if p.cache == nil {
		return p.Length
	}
	return p.cache.Len() + p.Length
}

// Enter is the hidden states that a block is to read, of those that come to it.
func (p *Pass) Enter(layer int, hidden *tensor.Tensor) *tensor.Tensor {
	if p.hook == nil {
		return hidden
	}
	return p.hook(p.Run, layer, hidden)
}

// Attend lets the queries of a attend to keys and values [Rows, Length, width] of this pass and to all that came before.
func (p *Pass) Attend(layer int, a tensor.AttentionArgs, key, value *tensor.Tensor) *tensor.Tensor {
	kv := tensor.KV{K: key, V: value}
	a.Causal, a.KeyMask = true, p.Mask
	if p.cache != nil {
		a.CausalOffset = p.cache.Len()
		kv, a.KeyMask = p.cache.Extend(layer, key, value)
	}
	a.KV = p.Run.KVs(kv)
	return p.Run.Attention(a)
}

// End closes the pass.
func (p *Pass) End() {
	if p.cache != nil {
		p.cache.End()
	}
}
