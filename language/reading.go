package language

import "dragoman/tensor"

// Reading is what a Reader has read, as the blocks that write attend to it: keys and values of each, projected once.
type Reading struct {
	kv   []tensor.KV // a block each, [texts, T, KVHeads·HeadDim], in the run's memory
	mask []uint8     // [texts, T]
	held *Cache      // instead, or nil: where they outlive the run's memory, and rows may share them
}

// NewReading begins what Read returns, over the texts of its input. Each block's keys and values must then be added, and Done.
func NewReading(in Input) *Reading {
	g := &Reading{mask: in.Mask, held: in.Cache}
	if g.held != nil {
		g.held.Begin(in.Mask, in.Embeds.Dim(1))
	}
	return g
}

// Add stores the next block's keys and values [texts, T, KVHeads·HeadDim].
func (g *Reading) Add(k, v *tensor.Tensor) {
	if g.held != nil {
		g.held.Extend(len(g.kv), k, v)
	}
	g.kv = append(g.kv, tensor.KV{K: k, V: v})
}

// Done closes what NewReading began.
func (g *Reading) Done() {
	if g.held != nil {
		g.held.End()
		g.kv = nil
	}
}

// Layer is what a block attends to, with the mask of its keys.
func (g *Reading) Layer(i int) (kv tensor.KV, keyMask []uint8) {
	if g.held != nil {
		return g.held.Layer(i)
	}
	return g.kv[i], g.mask
}
