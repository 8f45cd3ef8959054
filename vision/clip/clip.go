// Package clip is the image side of CLIP (Radford et al. 2021, section 2.4): a vision transformer, as transformers' CLIPVisionModel and
// IdeficsVisionTransformer have it.
//
// Pixels [B,3,S,S] become B·(1+(S/p)²) rows: patches of p×p pixels projected to the width, a class row in front, learned positions
// added, a norm, then pre-norm blocks
//
//	h ← h + Attention(LayerNorm(h));  h ← h + FC2(act(FC1(LayerNorm(h))))
//
// CLIP itself norms the class row once more and projects it. Flamingos read the rows as the last block leaves them, without that norm:
// IDEFICS all, OpenFlamingo the patches alone. OpenAI's models have x·σ(1.702x) for an activation, those of OpenCLIP (IDEFICS's ViT-H)
// GELU. Checkpoints of open_clip are read through weights.OpenCLIP.
package clip

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/vision"
)

// Model is CLIP's image encoder. It may be used by many runs at a time.
type Model struct {
	Config   Config
	path     string
	patch    *tensor.Tensor // [width, 3, p, p]
	class    *tensor.Tensor // [width]
	position *tensor.Tensor // [rows, width]
	norm     norm           // of what goes in
	blocks   []block
}

var _ vision.Encoder = (*Model)(nil)

type block struct {
	path                   string
	norm1, norm2           norm
	query, key, value, out linear
	fc1, fc2               linear
	act                    kernel.Act
}

// linear is x·weightᵀ + bias; weight is [out, in].
type linear struct{ weight, bias *tensor.Tensor }

func newLinear(b *nn.Builder, in, out int) linear {
	return linear{b.Tensor("weight", nn.Init{Kind: nn.Normal, Std: 0.02}, out, in), b.Tensor("bias", nn.Init{Kind: nn.Zero}, out)}
}

func (l linear) of() tensor.Projection { return tensor.Projection{W: l.weight, B: l.bias} }

func (l linear) forward(r *tensor.Run, x *tensor.Tensor, act kernel.Act) *tensor.Tensor {
	return r.Linear(x, l.weight, l.bias, act)
}

// norm is a layer norm's parameters.
type norm struct {
	weight, bias *tensor.Tensor
	eps          float32
}

func newNorm(b *nn.Builder, c Config) norm {
	return norm{b.Tensor("weight", nn.Init{Kind: nn.One}, c.HiddenSize), b.Tensor("bias", nn.Init{Kind: nn.Zero}, c.HiddenSize), c.Eps}
}

func (n norm) forward(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return r.LayerNorm(x, n.weight, n.bias, n.eps)
}

// New binds or makes a model under b's prefix (vision_model).
func New(c Config, b *nn.Builder) *Model {
	d, small := c.HiddenSize, nn.Init{Kind: nn.Normal, Std: 0.02}
	e := b.Sub("embeddings")
	m := &Model{
		Config:   c,
		path:     b.Path(),
		class:    e.Tensor("class_embedding", small, d),
		position: e.Tensor("position_embedding.weight", small, 1+c.Grid()*c.Grid(), d),
		patch:    e.Tensor("patch_embedding.weight", small, d, 3, c.PatchSize, c.PatchSize),
		norm:     newNorm(b.Sub("pre_layrnorm"), c), // as transformers spells it
	}
	act, _ := nn.ParseAct(c.Act)
	for i := range b.Count(c.Layers) {
		l := b.Sub("encoder", "layers", i)
		a := l.Sub("self_attn")
		m.blocks = append(m.blocks, block{
			path: l.Path(), act: act,
			norm1: newNorm(l.Sub("layer_norm1"), c), norm2: newNorm(l.Sub("layer_norm2"), c),
			query: newLinear(a.Sub("q_proj"), d, d), key: newLinear(a.Sub("k_proj"), d, d),
			value: newLinear(a.Sub("v_proj"), d, d), out: newLinear(a.Sub("out_proj"), d, d),
			fc1: newLinear(l.Sub("mlp", "fc1"), d, c.IntermediateSize), fc2: newLinear(l.Sub("mlp", "fc2"), c.IntermediateSize, d),
		})
	}
	return m
}

// Encode implements vision.Encoder.
func (m *Model) Encode(r *tensor.Run, pixels *tensor.Tensor) vision.Features {
	c := m.Config
	batch, d, n := pixels.Dim(0), c.HiddenSize, 1+c.Grid()*c.Grid()
	rows := r.Transpose(r.Reshape(pixels, batch, 3, c.ImageSize*c.ImageSize), 1, 2)
	rows = r.Reshape(rows, batch, c.ImageSize, c.ImageSize, 3)
	patches := r.Conv2D(rows, m.patch, nil, tensor.ConvArgs{Stride: [2]int{c.PatchSize, c.PatchSize}})
	h := r.Concat(1, r.Expand(r.Reshape(m.class, 1, 1, d), batch), r.Reshape(patches, batch, n-1, d))
	h = r.Add(h, r.Reshape(m.position, n, d))
	r.Observe(m.path+".embeddings", h)
	h = m.norm.forward(r, h)
	r.Observe(m.path+".pre_layrnorm", h)
	mark := r.Mark()
	for i := range m.blocks {
		h = r.Release(mark, m.blocks[i].forward(r, h, c.Heads))
	}
	r.Observe(m.path+".encoder", h)
	if c.Patches {
		h = r.Slice(h, 1, 1, n)
	}
	r.Observe(m.path, h)
	return vision.Features{Tokens: h}
}

func (k *block) forward(r *tensor.Run, h *tensor.Tensor, heads int) *tensor.Tensor {
	x := k.norm1.forward(r, h)
	var qkv [3]*tensor.Tensor
	r.Linears(qkv[:], x, k.query.of(), k.key.of(), k.value.of())
	a := r.Attention(tensor.AttentionArgs{
		Q: qkv[0], KV: r.KVs(tensor.KV{K: qkv[1], V: qkv[2]}), Heads: heads, Path: k.path + ".self_attn",
	})
	a = k.out.forward(r, a, kernel.NoAct)
	r.Observe(k.path+".self_attn", a)
	h = r.Add(h, a)
	f := k.fc2.forward(r, k.fc1.forward(r, k.norm2.forward(r, h), k.act), kernel.NoAct)
	r.Observe(k.path+".mlp", f)
	h = r.Add(h, f)
	r.Observe(k.path, h)
	return h
}

// Shape implements vision.Encoder.
func (m *Model) Shape() vision.Shape {
	g := m.Config.Grid()
	s := vision.Shape{Tokens: 1 + g*g, Width: m.Config.HiddenSize, First: 1, Grid: [2]int{g, g}}
	if m.Config.Patches {
		s.Tokens, s.First = g*g, 0
	}
	return s
}

// Processor implements vision.Encoder: the middle of the picture, as CLIP was trained.
func (m *Model) Processor() picture.Processor {
	p := picture.BLIP2Processor(m.Config.ImageSize) // the same numbers
	p.Fit, p.Edge, p.Rounding = picture.Crop, m.Config.ImageSize, picture.RoundEven
	return p
}
