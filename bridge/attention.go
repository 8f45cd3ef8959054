package bridge

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// AttentionConfig is an attention's size, and what its checkpoint calls its tensors.
type AttentionConfig struct {
	QueryWidth, KeyWidth int      // of those who look, and of what they look at
	Heads, HeadDim       int      // Heads·HeadDim need be neither width
	HeadNorm             NormKind // of each head of queries and of keys
	Eps                  float32  // of those norms
	Pieces               bool     // what is looked at is remembered in pieces: their keys and values are not shown to observers
	Names                Names
}

// Names are what a checkpoint calls an attention's tensors, without ".weight".
type Names struct {
	Query, Out string
	Key, Value string // KeyValue instead: one matrix, the rows of keys before those of values
	KeyValue   string
	QueryNorm  string // with a HeadNorm
	KeyNorm    string
}

// Attention is multi-head attention whose two sides are projected apart: what is looked at once (Remember), then read by whoever
// looks, as often as they like (Read).
type Attention struct {
	config     AttentionConfig
	path       string
	paths      Names          // of the maps
	query, out *tensor.Tensor // [heads·dim, query width], [query width, heads·dim]
	key, value *tensor.Tensor // [heads·dim, key width] each, or
	keyValue   *tensor.Tensor // [2·heads·dim, key width]
	queryNorm  Norm           // over [dim]
	keyNorm    Norm
}

// NewAttention binds or makes an attention below b.
func NewAttention(b *nn.Builder, c AttentionConfig) *Attention {
	inner := c.Heads * c.HeadDim
	matrix := func(name string, out, in int) *tensor.Tensor {
		return b.Tensor(name+".weight", nn.Init{Kind: nn.TorchLinear}, out, in)
	}
	at := func(name string) string { return b.Sub(name).Path() }
	a := &Attention{config: c, path: b.Path(), query: matrix(c.Names.Query, inner, c.QueryWidth), out: matrix(c.Names.Out, c.QueryWidth, inner)}
	a.paths = Names{Query: at(c.Names.Query), Out: at(c.Names.Out)}
	if c.Names.KeyValue != "" {
		a.paths.KeyValue = at(c.Names.KeyValue)
		a.keyValue = matrix(c.Names.KeyValue, 2*inner, c.KeyWidth)
	} else {
		a.paths.Key, a.paths.Value = at(c.Names.Key), at(c.Names.Value)
		a.key, a.value = matrix(c.Names.Key, inner, c.KeyWidth), matrix(c.Names.Value, inner, c.KeyWidth)
	}
	if c.HeadNorm != NoNorm {
		a.queryNorm = NewNorm(b.Sub(c.Names.QueryNorm), c.HeadNorm, c.HeadDim, c.Eps)
		a.keyNorm = NewNorm(b.Sub(c.Names.KeyNorm), c.HeadNorm, c.HeadDim, c.Eps)
		a.queryNorm.path, a.keyNorm.path = "", "" // heads lie otherwise in the reference
	}
	return a
}

// Readers are the matrices that those who look are multiplied by.
func (a *Attention) Readers() []*tensor.Tensor { return []*tensor.Tensor{a.query, a.out} }

// Remember projects what is looked at, [batch, tokens, key width], to keys and values [batch, tokens, heads·dim].
func (a *Attention) Remember(run *tensor.Run, x *tensor.Tensor) tensor.KV {
	inner := a.config.Heads * a.config.HeadDim
	var kv tensor.KV
	if a.keyValue != nil {
		both := run.Linear(x, a.keyValue, nil, kernel.NoAct)
		a.show(run, a.paths.KeyValue, both)
		kv = tensor.KV{K: run.Slice(both, 2, 0, inner), V: run.Slice(both, 2, inner, 2*inner)}
	} else {
		var y [2]*tensor.Tensor
		run.Linears(y[:], x, tensor.Projection{W: a.key}, tensor.Projection{W: a.value})
		a.show(run, a.paths.Key, y[0])
		a.show(run, a.paths.Value, y[1])
		kv = tensor.KV{K: y[0], V: y[1]}
	}
	kv.K = a.keyNorm.Forward(run, kv.K)
	return kv
}

// show shows keys or values, if they are all there are.
func (a *Attention) show(run *tensor.Run, path string, x *tensor.Tensor) {
	if !a.config.Pieces {
		run.Observe(path, x)
	}
}

// Read lets x [batch, tokens, query width] look at what was remembered, one stretch after another in a single softmax; mask [batch,
// tokens, keys] hides keys with 0 (nil: none). Who sees no key at all finds zeros.
func (a *Attention) Read(run *tensor.Run, x *tensor.Tensor, mask []uint8, memory ...tensor.KV) *tensor.Tensor {
	query := run.Linear(x, a.query, nil, kernel.NoAct)
	run.Observe(a.paths.Query, query)
	found := run.Attention(tensor.AttentionArgs{
		Q:     a.queryNorm.Forward(run, query),
		KV:    run.KVs(memory...),
		Heads: a.config.Heads,
		Mask:  mask,
		Path:  a.path,
	})
	y := run.Linear(found, a.out, nil, kernel.NoAct)
	run.Observe(a.paths.Out, y)
	run.Observe(a.path, y)
	return y
}
