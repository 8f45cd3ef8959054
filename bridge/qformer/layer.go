package qformer

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// layer is one of the Q-Former's: attention among tokens, attention to the picture in some layers, and a feed-forward for
// each stream. Every sub-layer ends in LayerNorm(result + input), as in BERT.
type layer struct {
	path    string
	self    *attention
	cross   *attention   // nil where the queries do not look at the picture
	queryFF *feedForward // of the queries' stream
	textFF  *feedForward // of the text's, nil without one
}

func newLayer(b *nn.Builder, c Config, index int) *layer {
	l := &layer{
		path:    b.Path(),
		self:    newAttention(b.Sub("attention"), c, c.Width),
		queryFF: newFeedForward(b.Sub("intermediate_query"), b.Sub("output_query"), c),
	}
	if c.looks(index) {
		l.cross = newAttention(b.Sub("crossattention"), c, c.FeatureWidth)
	}
	if c.Text {
		l.textFF = newFeedForward(b.Sub("intermediate"), b.Sub("output"), c)
	}
	return l
}

// attention is multi-head attention with what BERT puts behind it. The side of the keys is projected apart from the side of
// the queries (remember), so that what was remembered once can be read many times.
type attention struct {
	path, inner       string // of all of it; of the part before its output's dense map
	heads             int
	query, key, value linear
	output            residual
	dropout           float32
}

func newAttention(b *nn.Builder, c Config, keyWidth int) *attention {
	in := b.Sub("attention")
	return &attention{
		path:    b.Path(),
		inner:   in.Path(),
		heads:   c.Heads,
		query:   newLinear(in.Sub("query"), c, c.Width, c.Width),
		key:     newLinear(in.Sub("key"), c, keyWidth, c.Width),
		value:   newLinear(in.Sub("value"), c, keyWidth, c.Width),
		output:  newResidual(b.Sub("output"), c, c.Width),
		dropout: c.AttentionDropout,
	}
}

// remember projects features [rows, tokens, in] to keys and values [rows, tokens, width].
func (a *attention) remember(run *tensor.Run, features *tensor.Tensor) tensor.KV {
	var y [2]*tensor.Tensor
	run.Linears(y[:], features, a.key.projection(), a.value.projection())
	run.Observe(a.key.path, y[0])
	run.Observe(a.value.path, y[1])
	return tensor.KV{K: y[0], V: y[1]}
}

// reflect projects hidden states [batch, tokens, width] to what they ask and to what others can remember of them.
func (a *attention) reflect(run *tensor.Run, x *tensor.Tensor) (query *tensor.Tensor, own tensor.KV) {
	var y [3]*tensor.Tensor
	run.Linears(y[:], x, a.query.projection(), a.key.projection(), a.value.projection())
	for i, l := range []*linear{&a.query, &a.key, &a.value} {
		run.Observe(l.path, y[i])
	}
	return y[0], tensor.KV{K: y[1], V: y[2]}
}

// memory is what a stream's attention reads: stretches of keys and values one after another, and which of them it may see.
type memory struct {
	stretches  []tensor.KV
	keyMask    []uint8 // nil, or [batch, keys]: 0 hides a key
	causal     bool    // keys from causalFrom on are seen only up to the reader's own
	causalFrom int
}

// ask projects hidden states [batch, tokens, width] to what they ask.
func (a *attention) ask(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := a.query.forward(run, x, kernel.NoAct)
	run.Observe(a.query.path, y)
	return y
}

// read lets a stream x [batch, tokens, width] attend to what was remembered, by its queries of the same shape, and adds what
// it finds to x.
func (a *attention) read(run *tensor.Run, x, query *tensor.Tensor, m memory) *tensor.Tensor {
	found := run.Attention(tensor.AttentionArgs{
		Q:          query,
		KV:         m.stretches,
		Heads:      a.heads,
		KeyMask:    m.keyMask,
		Causal:     m.causal,
		CausalFrom: m.causalFrom,
		Dropout:    a.dropout,
		Path:       a.path,
	})
	run.Observe(a.inner, found)
	x = a.output.add(run, found, x)
	run.Observe(a.path, x)
	return x
}

// feedForward is the perceptron behind an attention.
type feedForward struct {
	path, actPath string // of what comes out of the inner map, with its activation
	inner         linear
	outer         residual
	act           kernel.Act
}

func newFeedForward(inner, outer *nn.Builder, c Config) *feedForward {
	return &feedForward{
		path:    inner.Path(),
		actPath: inner.Sub("intermediate_act_fn").Path(),
		inner:   newLinear(inner.Sub("dense"), c, c.Width, c.FeedForward),
		outer:   newResidual(outer, c, c.FeedForward),
		act:     c.Act,
	}
}

func (f *feedForward) forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	inner, outer := f.inner, f.outer.dense
	run.ShowLinear(x, inner.weight, inner.bias, inner.path, f.act, f.actPath)
	run.Show(f.path, func() *tensor.Tensor { return inner.forward(run, x, f.act) })
	return f.outer.join(run, run.FeedForward(x, inner.weight, inner.bias, f.act, outer.weight, outer.bias), x)
}

// residual is LayerNorm(dense(y) + x), with dropout on what is added.
type residual struct {
	path, dropPath string
	dense          linear
	norm           norm
	dropout        float32
}

func newResidual(b *nn.Builder, c Config, in int) residual {
	return residual{
		path:     b.Path(),
		dropPath: b.Sub("dropout").Path(),
		dense:    newLinear(b.Sub("dense"), c, in, c.Width),
		norm:     newNorm(b.Sub("LayerNorm"), c),
		dropout:  c.HiddenDropout,
	}
}

func (o residual) add(run *tensor.Run, y, x *tensor.Tensor) *tensor.Tensor {
	return o.join(run, o.dense.forward(run, y, kernel.NoAct), x)
}

// join is what comes behind the dense map: dropout, the sum with x, and the norm.
func (o residual) join(run *tensor.Run, y, x *tensor.Tensor) *tensor.Tensor {
	run.Observe(o.dense.path, y)
	run.Observe(o.dropPath, y) // nobody looks while it is on
	x = run.DropoutAddLayerNorm(y, o.dropout, x, o.norm.weight, o.norm.bias, o.norm.eps)
	run.Observe(o.norm.path, x)
	run.Observe(o.path, x)
	return x
}

// linear is x·weightᵀ + bias; weight is [out, in].
type linear struct {
	weight, bias *tensor.Tensor
	path         string
}

func newLinear(b *nn.Builder, c Config, in, out int) linear {
	return linear{
		weight: b.Tensor("weight", nn.Init{Kind: nn.Normal, Std: c.InitStd}, out, in),
		bias:   b.Tensor("bias", nn.Init{Kind: nn.Zero}, out),
		path:   b.Path(),
	}
}

func (l linear) projection() tensor.Projection { return tensor.Projection{W: l.weight, B: l.bias} }

func (l linear) forward(run *tensor.Run, x *tensor.Tensor, act kernel.Act) *tensor.Tensor {
	return run.Linear(x, l.weight, l.bias, act)
}

// norm is a layer norm's parameters.
type norm struct {
	weight, bias *tensor.Tensor
	eps          float32
	path         string
}

func newNorm(b *nn.Builder, c Config) norm {
	return norm{
		weight: b.Tensor("weight", nn.Init{Kind: nn.One}, c.Width),
		bias:   b.Tensor("bias", nn.Init{Kind: nn.Zero}, c.Width),
		eps:    c.Eps,
		path:   b.Path(),
	}
}

func (n norm) forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return run.LayerNorm(x, n.weight, n.bias, n.eps)
}
