// Package vit is the vision transformer that BLIP-2 reads pictures with: EVA-CLIP ViT-g/14 (arXiv:2303.15389), as
// transformers' Blip2VisionModel has it, of any size.
//
// Pixels [B,3,H,W] become B·(1+(H/p)·(W/p)) rows: patches of p×p pixels projected to the width, a class row in front,
// learned positions added, then pre-norm blocks
//
//	h ← h + Attention(LayerNorm(h));  h ← h + FC2(act(FC1(LayerNorm(h))))
//
// and a last layer norm over all rows: [B,N,D], the class row first. The checkpoint's queries, keys and values are one fused
// projection of rows q, k, v.
package vit

import (
	"encoding/json"
	"fmt"
	"math"

	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/vision"
)

// Config is Hugging Face's Blip2VisionConfig. A key that a file leaves out takes the class's default.
type Config struct {
	HiddenSize       int     `json:"hidden_size"`
	IntermediateSize int     `json:"intermediate_size"`
	Layers           int     `json:"num_hidden_layers"`
	Heads            int     `json:"num_attention_heads"`
	ImageSize        int     `json:"image_size"`
	PatchSize        int     `json:"patch_size"`
	Act              string  `json:"hidden_act"`
	Eps              float32 `json:"layer_norm_eps"`
	QKVBias          bool    `json:"qkv_bias"`

	unsized bool // ImageSize is the default: the checkpoint may know better
}

// ParseConfig reads a vision_config.
func ParseConfig(data []byte) (Config, error) {
	c := Config{
		HiddenSize: 1408, IntermediateSize: 6144, Layers: 39, Heads: 16, ImageSize: 224, PatchSize: 14,
		Act: "gelu", Eps: 1e-6, QKVBias: true,
	}
	if len(data) > 0 {
		sides := struct {
			*Config
			Image side `json:"image_size"`
			Patch side `json:"patch_size"`
		}{Config: &c, Patch: side(c.PatchSize)}
		if err := plainjson.Unmarshal(data, &sides); err != nil {
			return c, fmt.Errorf("vision_config: %w", err)
		}
		c.PatchSize, c.unsized = int(sides.Patch), sides.Image == 0
		if !c.unsized {
			c.ImageSize = int(sides.Image)
		}
	}
	return c, c.check()
}

// side is the side of a square: a number, or a list of two that are the same.
type side int

// UnmarshalJSON implements json.Unmarshaler.
func (s *side) UnmarshalJSON(data []byte) error {
	var sides []int
	if json.Unmarshal(data, &sides) != nil {
		return json.Unmarshal(data, (*int)(s))
	}
	if len(sides) != 2 || sides[0] != sides[1] {
		return fmt.Errorf("a size of %v is not square", sides)
	}
	*s = side(sides[0])
	return nil
}

func (c Config) check() error {
	return vision.Transformer{
		HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize, Layers: c.Layers, Heads: c.Heads,
		ImageSize: c.ImageSize, PatchSize: c.PatchSize, Act: c.Act,
	}.Check()
}

// Grid is how many patches a side of the picture has.
func (c Config) Grid() int { return c.ImageSize / c.PatchSize }

// Tokens is the number of rows that come out: the class row and the patches.
func (c Config) Tokens() int { return 1 + c.Grid()*c.Grid() }

// Model is a vision transformer.
type Model struct {
	Config Config

	path                string
	patch, patchBias    *tensor.Tensor
	class               *tensor.Tensor
	places              vision.Places
	blocks              []block
	postWeight, postBia *tensor.Tensor
}

type block struct {
	path                       string
	norm1, norm1Bias           *tensor.Tensor
	qkv, qkvBias, out, outBias *tensor.Tensor
	norm2, norm2Bias           *tensor.Tensor
	fc1, fc1Bias, fc2, fc2Bias *tensor.Tensor
	act                        kernel.Act
}

// New binds or makes a model under b's prefix (vision_model).
func New(c Config, b *nn.Builder) *Model {
	if shape, ok := b.ShapeOf("embeddings.position_embedding"); ok && c.unsized && len(shape) == 3 {
		if grid := int(math.Sqrt(float64(shape[1] - 1))); grid > 0 && 1+grid*grid == shape[1] {
			c.ImageSize = grid * c.PatchSize
		}
	}
	d, small := c.HiddenSize, nn.Init{Kind: nn.Normal, Std: 0.02}
	zero, one := nn.Init{Kind: nn.Zero}, nn.Init{Kind: nn.One}
	act, _ := nn.ParseAct(c.Act)
	e := b.Sub("embeddings")
	m := &Model{
		Config:     c,
		path:       b.Path(),
		class:      e.Tensor("class_embedding", small, 1, 1, d),
		places:     vision.Places{Learnt: e.Tensor("position_embedding", small, 1, c.Tokens(), d)},
		patch:      e.Tensor("patch_embedding.weight", small, d, 3, c.PatchSize, c.PatchSize),
		patchBias:  e.Tensor("patch_embedding.bias", zero, d),
		postWeight: b.Tensor("post_layernorm.weight", one, d),
		postBia:    b.Tensor("post_layernorm.bias", zero, d),
	}
	for i := range b.Count(c.Layers) {
		l := b.Sub("encoder", "layers", i)
		k := block{
			path: l.Path(), act: act,
			norm1: l.Tensor("layer_norm1.weight", one, d), norm1Bias: l.Tensor("layer_norm1.bias", zero, d),
			qkv: l.Tensor("self_attn.qkv.weight", small, 3*d, d),
			out: l.Tensor("self_attn.projection.weight", small, d, d), outBias: l.Tensor("self_attn.projection.bias", zero, d),
			norm2: l.Tensor("layer_norm2.weight", one, d), norm2Bias: l.Tensor("layer_norm2.bias", zero, d),
			fc1: l.Tensor("mlp.fc1.weight", small, c.IntermediateSize, d), fc1Bias: l.Tensor("mlp.fc1.bias", zero, c.IntermediateSize),
			fc2: l.Tensor("mlp.fc2.weight", small, d, c.IntermediateSize), fc2Bias: l.Tensor("mlp.fc2.bias", zero, d),
		}
		if c.QKVBias {
			k.qkvBias = l.Tensor("self_attn.qkv.bias", zero, 3*d)
		}
		m.blocks = append(m.blocks, k)
	}
	return m
}

// Forward reads pixels [B,3,S,S], S the configured image size, and gives the rows after the last layer norm: [B,N,D].
func (m *Model) Forward(r *tensor.Run, pixels *tensor.Tensor) *tensor.Tensor {
	c := m.Config
	batch, d, n := pixels.Dim(0), c.HiddenSize, c.Tokens()
	rows := r.Transpose(r.Reshape(pixels, batch, 3, c.ImageSize*c.ImageSize), 1, 2)
	rows = r.Reshape(rows, batch, c.ImageSize, c.ImageSize, 3)
	patches := r.Conv2D(rows, m.patch, m.patchBias, tensor.ConvArgs{Stride: [2]int{c.PatchSize, c.PatchSize}})
	r.Show(m.path+".embeddings.patch_embedding", func() *tensor.Tensor { // as a convolution of the reference leaves them
		return r.Reshape(r.Transpose(r.Reshape(patches, batch, n-1, d), 1, 2), batch, d, c.Grid(), c.Grid())
	})
	h := r.Concat(1, r.Expand(m.class, batch), r.Reshape(patches, batch, n-1, d))
	h = r.Add(h, m.places.Rows(r))
	r.Observe(m.path+".embeddings", h)
	mark := r.Mark()
	for i := range m.blocks {
		h = r.Release(mark, m.blocks[i].forward(r, h, c)) // a block's activations are a fortieth of all
	}
	r.Observe(m.path+".encoder", h)
	h = r.LayerNorm(h, m.postWeight, m.postBia, c.Eps)
	r.Observe(m.path+".post_layernorm", h)
	r.Observe(m.path, h)
	return h
}

func (k *block) forward(r *tensor.Run, h *tensor.Tensor, c Config) *tensor.Tensor {
	x := r.LayerNorm(h, k.norm1, k.norm1Bias, c.Eps)
	r.Observe(k.path+".layer_norm1", x)
	qkv := r.Linear(x, k.qkv, k.qkvBias, kernel.NoAct)
	r.Observe(k.path+".self_attn.qkv", qkv)
	a := r.SelfAttention(qkv, tensor.AttentionArgs{Heads: c.Heads, Path: k.path + ".self_attn"})
	a = r.Linear(a, k.out, k.outBias, kernel.NoAct)
	r.Observe(k.path+".self_attn.projection", a)
	r.Observe(k.path+".self_attn", a)
	h = r.Add(h, a)
	x = r.LayerNorm(h, k.norm2, k.norm2Bias, c.Eps)
	r.Observe(k.path+".layer_norm2", x)
	r.ShowLinear(x, k.fc1, k.fc1Bias, k.path+".mlp.fc1", k.act, k.path+".mlp.activation_fn")
	f := r.Linear(x, k.fc1, k.fc1Bias, k.act)
	f = r.Linear(f, k.fc2, k.fc2Bias, kernel.NoAct)
	r.Observe(k.path+".mlp.fc2", f)
	r.Observe(k.path+".mlp", f)
	h = r.Add(h, f)
	r.Observe(k.path, h)
	return h
}

var _ vision.Encoder = (*Model)(nil)

// Encode implements vision.Encoder: the rows after the last layer norm are the tokens, the class row first.
func (m *Model) Encode(r *tensor.Run, pixels *tensor.Tensor) vision.Features {
	return vision.Features{Tokens: m.Forward(r, pixels)}
}

// Shape implements vision.Encoder.
func (m *Model) Shape() vision.Shape {
	g := m.Config.Grid()
	return vision.Shape{Tokens: m.Config.Tokens(), Width: m.Config.HiddenSize, First: 1, Grid: [2]int{g, g}}
}

// Processor implements vision.Encoder: what the released BLIP-2 models use where their folder says nothing else.
func (m *Model) Processor() picture.Processor { return picture.BLIP2Processor(m.Config.ImageSize) }

// At is the model for pictures of another size: patches take their positions from between the learnt ones, as with transformers'
// interpolate_pos_encoding.
func (m *Model) At(size int) (*Model, error) {
	if err := vision.CheckSize(size, m.Config.PatchSize); err != nil {
		return nil, err
	}
	other := *m
	other.Config.ImageSize = size
	if from, to := m.Config.Grid(), other.Config.Grid(); from != to {
		other.places = m.places.Between(from, to, float64(from)/float64(to))
	}
	return &other, nil
}
