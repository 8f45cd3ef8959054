package clip

import (
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Sizes are those of a stack of blocks; Act is an activation as configurations name it.
type Sizes struct {
	HiddenSize, IntermediateSize, Layers, Heads int
	Act                                         string
	Eps                                         float32
}

// Blocks is transformers' CLIPEncoder: pre-norm blocks, the same for pictures and for text.
type Blocks struct {
	path   string
	heads  int
	layers []block
}

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

func newNorm(b *nn.Builder, width int, eps float32) norm {
	return norm{b.Tensor("weight", nn.Init{Kind: nn.One}, width), b.Tensor("bias", nn.Init{Kind: nn.Zero}, width), eps}
}

func (n norm) forward(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return r.LayerNorm(x, n.weight, n.bias, n.eps)
}

// NewBlocks binds or makes the blocks under b's prefix (….encoder). The sizes have been checked.
func NewBlocks(b *nn.Builder, s Sizes) *Blocks {
	d := s.HiddenSize
	k := &Blocks{path: b.Path(), heads: s.Heads}
	act, _ := nn.ParseAct(s.Act)
	for i := range b.Count(s.Layers) {
		l := b.Sub("layers", i)
		a := l.Sub("self_attn")
		k.layers = append(k.layers, block{
			path: l.Path(), act: act,
			norm1: newNorm(l.Sub("layer_norm1"), d, s.Eps), norm2: newNorm(l.Sub("layer_norm2"), d, s.Eps),
			query: newLinear(a.Sub("q_proj"), d, d), key: newLinear(a.Sub("k_proj"), d, d),
			value: newLinear(a.Sub("v_proj"), d, d), out: newLinear(a.Sub("out_proj"), d, d),
			fc1: newLinear(l.Sub("mlp", "fc1"), d, s.IntermediateSize), fc2: newLinear(l.Sub("mlp", "fc2"), s.IntermediateSize, d),
		})
	}
	return k
}

// Reading is how text is read: each row sees those before it, and only those that the mask [batch, rows] marks (nil: all).
type Reading struct{ Mask []uint8 }

// Forward passes h [batch, rows, width] through the blocks. All rows see all, or, as text is read, those before them.
func (k *Blocks) Forward(r *tensor.Run, h *tensor.Tensor, text *Reading) *tensor.Tensor {
	mark := r.Mark()
	for i := range k.layers {
		h = r.Release(mark, k.layers[i].forward(r, h, k.heads, text))
	}
	r.Observe(k.path, h)
	return h
}

func (k *block) forward(r *tensor.Run, h *tensor.Tensor, heads int, text *Reading) *tensor.Tensor {
	x := k.norm1.forward(r, h)
	r.Observe(k.path+".layer_norm1", x)
	var qkv [3]*tensor.Tensor
	r.Linears(qkv[:], x, k.query.of(), k.key.of(), k.value.of())
	for i, name := range [3]string{".self_attn.q_proj", ".self_attn.k_proj", ".self_attn.v_proj"} {
		r.Observe(k.path+name, qkv[i])
	}
	args := tensor.AttentionArgs{
		Q: qkv[0], KV: r.KVs(tensor.KV{K: qkv[1], V: qkv[2]}), Heads: heads, Path: k.path + ".self_attn",
	}
	if text != nil {
		args.Causal, args.KeyMask = true, text.Mask
	}
	a := k.out.forward(r, r.Attention(args), kernel.NoAct)
	r.Observe(k.path+".self_attn.out_proj", a)
	r.Observe(k.path+".self_attn", a)
	h = r.Add(h, a)
	x = k.norm2.forward(r, h)
	r.Observe(k.path+".layer_norm2", x)
	r.ShowLinear(x, k.fc1.weight, k.fc1.bias, k.path+".mlp.fc1", k.act, k.path+".mlp.activation_fn")
	f := k.fc2.forward(r, k.fc1.forward(r, x, k.act), kernel.NoAct)
	r.Observe(k.path+".mlp.fc2", f)
	r.Observe(k.path+".mlp", f)
	h = r.Add(h, f)
	r.Observe(k.path, h)
	return h
}
