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
	path              string
	heads             int
	query, key, value linear
	output            residual
	dropout           float32
}

func newAttention(b *nn.Builder, c Config, keyWidth int) *attention {
	in := b.Sub("attention")
	return &attention{
		path:    b.Path(),
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
	return tensor.KV{K: y[0], V: y[1]}
}

// reflect projects hidden states [batch, tokens, width] to what they ask and to what others can remember of them.
func (a *attention) reflect(run *tensor.Run, x *tensor.Tensor) (query *tensor.Tensor, own tensor.KV) {
	var y [3]*tensor.Tensor
	run.Linears(y[:], x, a.query.projection(), a.key.projection(), a.value.projection())
	return y[0], tensor.KV{K: y[1], V: y[2]}
}

// memory is what a stream's attention reads: stretches of keys and values one after another, and which of them it may see.
type memory struct {
	stretches  []tensor.KV
	keyMask    []uint8 // nil, or [batch, keys]: 0 hides a key
	causal     bool    // keys from causalFrom on are seen only up to the reader's own
	causalFrom int
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
	return a.output.add(run, found, x)
}

// feedForward is the perceptron behind an attention.
type feedForward struct {
	path  string
	inner linear
	outer residual
	act   kernel.Act
}

func newFeedForward(inner, outer *nn.Builder, c Config) *feedForward {
	return &feedForward{
		path:  outer.Path(),
		inner: newLinear(inner.Sub("dense"), c, c.Width, c.FeedForward),
		outer: newResidual(outer, c, c.FeedForward),
		act:   c.Act,
	}
}

func (f *feedForward) forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	inner, outer := f.inner, f.outer.dense
	x = f.outer.join(run, run.FeedForward(x, inner.weight, inner.bias, f.act, outer.weight, outer.bias), x)
	run.Observe(f.path, x)
	return x
}

// residual is LayerNorm(dense(y) + x), with dropout on what is added.
type residual struct {
	dense   linear
	norm    norm
	dropout float32
}

func newResidual(b *nn.Builder, c Config, in int) residual {
	return residual{
		dense:   newLinear(b.Sub("dense"), c, in, c.Width),
		norm:    newNorm(b.Sub("LayerNorm"), c),
		dropout: c.HiddenDropout,
	}
}

func (o residual) add(run *tensor.Run, y, x *tensor.Tensor) *tensor.Tensor {
	return o.join(run, o.dense.forward(run, y, kernel.NoAct), x)
}

// join is what comes behind the dense map: dropout, the sum with x, and the norm.
func (o residual) join(run *tensor.Run, y, x *tensor.Tensor) *tensor.Tensor {
	return run.DropoutAddLayerNorm(y, o.dropout, x, o.norm.weight, o.norm.bias, o.norm.eps)
}

// linear is x·weightᵀ + bias; weight is [out, in].
type linear struct{ weight, bias *tensor.Tensor }

func newLinear(b *nn.Builder, c Config, in, out int) linear {
	return linear{
		weight: b.Tensor("weight", nn.Init{Kind: nn.Normal, Std: c.InitStd}, out, in),
		bias:   b.Tensor("bias", nn.Init{Kind: nn.Zero}, out),
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
}

func newNorm(b *nn.Builder, c Config) norm {
	return norm{
		weight: b.Tensor("weight", nn.Init{Kind: nn.One}, c.Width),
		bias:   b.Tensor("bias", nn.Init{Kind: nn.Zero}, c.Width),
		eps:    c.Eps,
	}
}

func (n norm) forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return run.LayerNorm(x, n.weight, n.bias, n.eps)
}
