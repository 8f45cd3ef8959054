package gated

import (
	"fmt"

	"dragoman/bridge"
	"dragoman/kernel"
)

// Config is the blocks' size and variant.
type Config struct {
	Width       int // of the language model's hidden states
	MediaWidth  int // of what is looked at
	Heads       int
	HeadDim     int // Heads·HeadDim need not be Width
	FeedForward int // width between the two halves of a perceptron

	Layers int  // of the language model
	Every  int  // a block stands before every Every-th of them:
	First  bool // from the first on; or, without, from the Every-th on

	Act       bridge.Act
	Norm      bridge.NormKind // in front of attention and perceptron
	HeadNorm  bool            // a norm of the same kind over each head of queries and keys
	Vectors   bool            // a gate has a value for each column, not one for all
	Untouched bool            // a block leaves tokens before any picture as they are
	Eps       float32
	Names     Names
}

// Names is whose names a checkpoint has for the tensors.
type Names uint8

// The two projects that released such blocks.
const (
	OpenFlamingo Names = iota // attn.to_kv, attn_gate, ff.1, …
	IDEFICS                   // cross_attn.k_proj, alpha_cross_attn, mlp.gate_proj, …
)

// Released is the blocks of OpenFlamingo's checkpoints, for a language model.
func Released(width, mediaWidth, layers, every int) Config {
	return Config{
		Width: width, MediaWidth: mediaWidth, Heads: 8, HeadDim: 64, FeedForward: 4 * width, Layers: layers, Every: every,
		Act: bridge.Act{Kind: kernel.GELU}, Norm: bridge.LayerNorm, Eps: 1e-5,
	}
}

// maxSize bounds every size, so that no product of two of them overflows.
const maxSize = 1 << 20

// Validate says what is wrong with a configuration that came from a file.
func (c Config) Validate() error {
	for _, s := range []struct {
		name  string
		value int
	}{
		{"width", c.Width},
		{"width of media", c.MediaWidth},
		{"number of heads", c.Heads},
		{"size of a head", c.HeadDim},
		{"feed-forward width", c.FeedForward},
		{"number of layers", c.Layers},
		{"distance between blocks", c.Every},
	} {
		if s.value < 1 || s.value > maxSize {
			return fmt.Errorf("gated cross-attention: %s of %d is not in 1…%d", s.name, s.value, maxSize)
		}
	}
	return nil
}

// gated says whether a block stands before a layer.
func (c Config) gated(layer int) bool {
	if c.First {
		return layer%c.Every == 0
	}
	return (layer+1)%c.Every == 0
}

// words are the names of a block's tensors in a checkpoint.
type words struct {
	norm                string // in front of the attention
	attentionModule     string
	attention           bridge.Names
	feedForward         bridge.FeedForwardNames
	attentionGate, gate string
	opens               [2]string // the gates' tanh, where it is a module: attention's and feed-forward's
}

func (n Names) words() words {
	if n == IDEFICS {
		return words{
			norm: "input_layernorm", attentionModule: "cross_attn",
			attention: bridge.Names{
				Query: "q_proj", Key: "k_proj", Value: "v_proj", Out: "o_proj", QueryNorm: "q_layer_norm", KeyNorm: "k_layer_norm",
			},
			feedForward: bridge.FeedForwardNames{
				Module: "mlp", Norm: "post_attention_layernorm", Gate: "mlp.gate_proj", Act: "mlp.act_fn", Inner: "mlp.up_proj", Outer: "mlp.down_proj",
			},
			attentionGate: "alpha_cross_attn", gate: "alpha_dense", opens: [2]string{"act_cross_attn", "act_dense"},
		}
	}
	return words{
		norm: "attn.norm", attentionModule: "attn",
		attention:     bridge.Names{Query: "to_q", KeyValue: "to_kv", Out: "to_out", QueryNorm: "norm_q", KeyNorm: "norm_k"},
		feedForward:   bridge.FeedForwardNames{Module: "ff", Norm: "ff.0", Inner: "ff.1", Act: "ff.2", Outer: "ff.3"},
		attentionGate: "attn_gate", gate: "ff_gate",
	}
}
