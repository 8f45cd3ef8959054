package bridge

import (
	"slices"

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
		a.paths.QueryNorm, a.paths.KeyNorm = a.queryNorm.path, a.keyNorm.path
		a.queryNorm.path, a.keyNorm.path = "", "" // heads lie otherwise in the reference: see showHeads
	}
	return a
}

// Readers are the matrices that those who look are multiplied by.
func (a *Attention) Readers() []*tensor.Tensor { return []*tensor.Tensor{a.query, a.out} }

// Remember projects what is looked at, [batch, tokens, key width] in one piece or in several that lie one behind another, to keys and values
// [batch, tokens, heads·dim] of each.
func (a *Attention) Remember(run *tensor.Run, pieces ...*tensor.Tensor) []tensor.KV {
	inner := a.config.Heads * a.config.HeadDim
	memory := make([]tensor.KV, len(pieces))
	var keys, values, both []*tensor.Tensor // as they are projected
	for i, x := range pieces {
		if a.keyValue != nil {
			y := run.Linear(x, a.keyValue, nil, kernel.NoAct)
			both = append(both, y)
			memory[i] = tensor.KV{K: run.Slice(y, 2, 0, inner), V: run.Slice(y, 2, inner, 2*inner)}
			continue
		}
		var y [2]*tensor.Tensor
		run.Linears(y[:], x, tensor.Projection{W: a.key}, tensor.Projection{W: a.value})
		keys, values = append(keys, y[0]), append(values, y[1])
		memory[i] = tensor.KV{K: y[0], V: y[1]}
	}
	a.show(run, a.paths.KeyValue, both)
	a.show(run, a.paths.Key, keys)
	a.show(run, a.paths.Value, values)
	var normed []*tensor.Tensor
	for i := range memory {
		memory[i].K = a.keyNorm.Forward(run, memory[i].K)
		normed = append(normed, memory[i].K)
	}
	run.Show(a.paths.KeyNorm, func() *tensor.Tensor { return a.heads(run.Concat(1, normed...)) })
	return memory
}

// show shows what pieces became, as one.
func (a *Attention) show(run *tensor.Run, path string, pieces []*tensor.Tensor) {
	if len(pieces) > 0 {
		run.Show(path, func() *tensor.Tensor { return run.Concat(1, pieces...) })
	}
}

// evenly is queries [batch, tokens, heads·dim] and a mask with those who see no key attending to all alike: a query of zeros.
func evenly(q *tensor.Tensor, mask []uint8) (*tensor.Tensor, []uint8) {
	tokens, width := q.Dim(0)*q.Dim(1), q.Dim(2)
	x, all := slices.Clone(q.Floats()), slices.Clone(mask)
	for i, keys := 0, len(mask)/tokens; i < tokens; i++ {
		seen := all[i*keys : (i+1)*keys]
		if slices.Contains(seen, 1) {
			continue
		}
		clear(x[i*width : (i+1)*width])
		for k := range seen {
			seen[k] = 1
		}
	}
	return tensor.FromFloats(x, q.Shape()...), all
}

// observe shows what an attention found.
func (a *Attention) observe(run *tensor.Run, y *tensor.Tensor) {
	run.Observe(a.paths.Out, y)
	run.Observe(a.path, y)
}

// heads is x [batch, tokens, heads·dim] as the reference has it, [batch, heads, tokens, dim].
func (a *Attention) heads(x *tensor.Tensor) *tensor.Tensor {
	batch, tokens, heads, dim := x.Dim(0), x.Dim(1), a.config.Heads, a.config.HeadDim
	from, to := x.Floats(), make([]float32, x.Len())
	for i := range batch * tokens * heads {
		row, head := i/heads, i%heads
		copy(to[((row/tokens*heads+head)*tokens+row%tokens)*dim:][:dim], from[i*dim:])
	}
	return tensor.FromFloats(to, batch, heads, tokens, dim)
}

// Read lets x [batch, tokens, query width] look at what was remembered, one stretch after another in a single softmax; mask [batch,
// tokens, keys] hides keys with 0 (nil: none). Who sees no key at all finds zeros; with even, an observer is shown what such a one
// would find who attended to all keys alike.
func (a *Attention) Read(run *tensor.Run, x *tensor.Tensor, mask []uint8, even bool, memory ...tensor.KV) *tensor.Tensor {
	query := run.Linear(x, a.query, nil, kernel.NoAct)
	run.Observe(a.paths.Query, query)
	args := tensor.AttentionArgs{
		Q:     a.queryNorm.Forward(run, query),
		KV:    run.KVs(memory...),
		Heads: a.config.Heads,
		Mask:  mask,
	}
	run.Show(a.paths.QueryNorm, func() *tensor.Tensor { return a.heads(args.Q) })
	look := func(args tensor.AttentionArgs) *tensor.Tensor {
		return run.Linear(run.Attention(args), a.out, nil, kernel.NoAct)
	}
	if !even {
		args.Path = a.path
		y := look(args)
		a.observe(run, y)
		return y
	}
	y := look(args)
	recording := run.Recording()
	run.SetRecording(false)
	args.Q, args.Mask = evenly(args.Q, mask)
	args.Path = a.path
	a.observe(run, look(args))
	run.SetRecording(recording)
	return y
}
