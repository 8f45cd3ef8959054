// Package clip is the image side of CLIP (Radford et al. 2021, section 2.4): a vision transformer, as transformers' CLIPVisionModel and
// IdeficsVisionTransformer have it.
//
// Pixels [B,3,S,S] become B·(1+(S/p)²) rows: patches of p×p pixels projected to the width, a class row in front, learned positions
// added, a norm, then pre-norm blocks
//
//	h ← h + Attention(LayerNorm(h));  h ← h + FC2(act(FC1(LayerNorm(h))))
//
// CLIP itself norms the class row once more (Config.Pool) and projects it; its text side, in model/clip, is made of the same Blocks. Flamingos read the rows as the last block leaves them, without that norm:
// IDEFICS all, OpenFlamingo the patches alone. OpenAI's models have x·σ(1.702x) for an activation, those of OpenCLIP (IDEFICS's ViT-H)
// GELU. Checkpoints of open_clip are read through weights.OpenCLIP.
package clip

import (
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/vision"
)

// Model is CLIP's image encoder. It may be used by many runs at a time.
type Model struct {
	Config Config
	path   string
	patch  *tensor.Tensor // [width, 3, p, p]
	class  *tensor.Tensor // [width]
	places vision.Places
	norm   norm // of what goes in
	blocks *Blocks
	post   norm // of the class row, where Config.Pool
}

var _ vision.Encoder = (*Model)(nil)

// New binds or makes a model under b's prefix (vision_model).
func New(c Config, b *nn.Builder) *Model {
	d, small := c.HiddenSize, nn.Init{Kind: nn.Normal, Std: 0.02}
	e := b.Sub("embeddings")
	m := &Model{
		Config: c,
		path:   b.Path(),
		class:  e.Tensor("class_embedding", small, d),
		places: vision.Places{Learnt: e.Tensor("position_embedding.weight", small, 1+c.Grid()*c.Grid(), d)},
		patch:  e.Tensor("patch_embedding.weight", small, d, 3, c.PatchSize, c.PatchSize),
		norm:   newNorm(b.Sub("pre_layrnorm"), c.HiddenSize, c.Eps), // as transformers spells it
		blocks: NewBlocks(b.Sub("encoder"), c.sizes()),
	}
	if c.Pool {
		m.post = newNorm(b.Sub("post_layernorm"), c.HiddenSize, c.Eps)
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
	r.Show(m.path+".embeddings.patch_embedding", func() *tensor.Tensor { // as a convolution of the reference leaves them
		return r.Reshape(r.Transpose(r.Reshape(patches, batch, n-1, d), 1, 2), batch, d, c.Grid(), c.Grid())
	})
	r.Observe(m.path+".embeddings.position_embedding", r.Reshape(m.places.Learnt, 1, m.places.Learnt.Dim(0), d))
	h := r.Concat(1, r.Expand(r.Reshape(m.class, 1, 1, d), batch), r.Reshape(patches, batch, n-1, d))
	h = r.Add(h, m.places.Rows(r))
	r.Observe(m.path+".embeddings", h)
	h = m.norm.forward(r, h)
	r.Observe(m.path+".pre_layrnorm", h)
	h = m.blocks.Forward(r, h, nil)
	var out vision.Features
	if c.Pool {
		out.Pooled = m.post.forward(r, r.Reshape(r.Slice(h, 1, 0, 1), batch, d))
		r.Observe(m.path+".post_layernorm", out.Pooled)
	}
	if c.Patches {
		h = r.Slice(h, 1, 1, n)
	}
	r.Observe(m.path, h)
	out.Tokens = h
	return out
}

// Shape implements vision.Encoder.
func (m *Model) Shape() vision.Shape {
	g := m.Config.Grid()
	s := vision.Shape{Tokens: 1 + g*g, Width: m.Config.HiddenSize, First: 1, Grid: [2]int{g, g}}
	if m.Config.Patches {
		s.Tokens, s.First = g*g, 0
	}
	if m.Config.Pool {
		s.Pooled = m.Config.HiddenSize
	}
	return s
}

// Processor implements vision.Encoder: the middle of the picture, as CLIP was trained.
func (m *Model) Processor() picture.Processor {
	p := picture.BLIP2Processor(m.Config.ImageSize) // the same numbers
	p.Fit, p.Edge, p.Rounding = picture.Crop, m.Config.ImageSize, picture.RoundEven
	return p
}

// At is the model for pictures of another size: patches take their positions from between the learnt ones, as with transformers'
// interpolate_pos_encoding.
func (m *Model) At(size int) (*Model, error) {
	if err := vision.CheckSize(size, m.Config.PatchSize); err != nil {
		return nil, err
	}
	other := *m
	other.Config.ImageSize = size
	if from, to := m.Config.Grid(), other.Config.Grid(); from != to {
		other.places = m.places.Between(from, to, float64(from)/(float64(to)+m.Config.Nudge))
	}
	return &other, nil
}
