package mpt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"dragoman/internal/plainjson"
	"dragoman/language"
	"dragoman/nn"
)

// Config is an MPT's size and its generation.
type Config struct {
	language.Sizes
	First    bool    // of the first generation, MosaicGPT: other names of tensors, and ALiBi by one formula for any number of heads
	BiasMax  float64 // of ALiBi: the steepest head loses 2^−(BiasMax/Heads) a token, as the model was trained; transformers' MptForCausalLM takes 8, always
	Scale    float32 // of scores; 0: 1/√d
	Logits   float32 // what logits are multiplied with; 0: nothing. Of the first generation: transformers' MptForCausalLM passes logit_scale over
	Eps      float32 // of the layer norms
	HeadNorm bool    // queries and keys are normed, each over all heads together
	Bias     bool    // maps and norms have biases
	Tied     bool    // the output head is the embedding
	Learned  bool    // the configuration says that positions are learned: New refuses them
}

// attention is attn_config. What is left out has transformers' default.
type attention struct {
	ALiBi    bool     `json:"alibi"`
	BiasMax  float64  `json:"alibi_bias_max"`
	Clip     *float64 `json:"clip_qkv"`
	NormQK   bool     `json:"qk_ln"`
	PrefixLM bool     `json:"prefix_lm"`
	Scale    *float32 `json:"softmax_scale"`
}

// common are the keys that both generations have.
type common struct {
	Vocab   int             `json:"vocab_size"`
	Width   int             `json:"d_model"`
	Layers  int             `json:"n_layers"`
	Heads   int             `json:"n_heads"`
	Context int             `json:"max_seq_len"`
	NoBias  bool            `json:"no_bias"`
	Scale   json.RawMessage `json:"logit_scale"`
	Tied    bool            `json:"tie_word_embeddings"`
	BOS     language.IDs    `json:"bos_token_id"`
	EOS     language.IDs    `json:"eos_token_id"`
	Pad     language.IDs    `json:"pad_token_id"`
}

// ParseConfig reads the config.json of an MptForCausalLM. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	j := struct {
		common
		Ratio     int       `json:"expansion_ratio"`
		Eps       float32   `json:"layer_norm_epsilon"`
		Attention attention `json:"attn_config"`
	}{
		common: common{Vocab: 50368, Width: 2048, Layers: 24, Heads: 16, Context: 2048, NoBias: true, Tied: true},
		Ratio:  4, Eps: 1e-5, Attention: attention{ALiBi: true, BiasMax: 8},
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("mpt: config: %w", err)
	}
	return j.config(j.Ratio, j.Eps, j.Attention, "attn_config: ")
}

// ParseFirst reads the config.json of a MosaicGPT, of which MPT-1B is one. What is left out has the default of the code that was released
// with it.
func ParseFirst(data []byte) (Config, error) {
	j := struct {
		common
		Ratio    int      `json:"mlp_ratio"`
		ALiBi    bool     `json:"alibi"`
		BiasMax  float64  `json:"alibi_bias_max"`
		Clip     *float64 `json:"attn_clip_qkv"`
		NormQK   bool     `json:"attn_qk_ln"`
		PrefixLM bool     `json:"prefix_lm"`
		Softmax  *float32 `json:"softmax_scale"`
	}{
		common: common{Vocab: 50257, Width: 2048, Layers: 24, Heads: 16, Context: 2048, Tied: true},
		Ratio:  4, BiasMax: 8,
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("mosaic_gpt: config: %w", err)
	}
	j.Tied = true // it knows no other
	c, err := j.config(j.Ratio, 1e-5, attention{j.ALiBi, j.BiasMax, j.Clip, j.NormQK, j.PrefixLM, j.Softmax}, "")
	if err != nil {
		return Config{}, err
	}
	c.First = true
	if c.Learned {
		return Config{}, fmt.Errorf("mosaic_gpt: config: %s", noPlaces)
	}
	return c, c.scale(j.Scale)
}

// config is what both generations' keys mean; where is what stands before the keys of an attention.
func (j *common) config(ratio int, eps float32, a attention, where string) (Config, error) {
	switch {
	case a.Clip != nil && *a.Clip != 0, a.PrefixLM:
		return Config{}, fmt.Errorf("mpt: config: %sclipped queries and keys (clip_qkv) and prefix_lm are not supported", where)
	case !(a.BiasMax > 0 && a.BiasMax < 1000):
		return Config{}, fmt.Errorf("mpt: config: %salibi_bias_max of %v", where, a.BiasMax)
	}
	c := Config{
		Sizes: language.Sizes{
			Vocab: j.Vocab, Width: j.Width, FeedForward: j.Width * max(0, min(ratio, 64)), Layers: j.Layers, Heads: j.Heads, Context: j.Context,
			BOS: j.BOS.First(), EOS: j.EOS, Pad: j.Pad.First(),
		},
		BiasMax: a.BiasMax, Eps: eps, HeadNorm: a.NormQK, Bias: !j.NoBias, Tied: j.Tied, Learned: !a.ALiBi,
	}
	if a.Scale != nil {
		c.Scale = *a.Scale
	}
	return c, c.CheckHeads("mpt")
}

// noPlaces is why a model is refused.
const noPlaces = "positions that are learned (alibi false) are not supported"

// scale reads logit_scale: a number, or the name of one.
func (c *Config) scale(raw json.RawMessage) error {
	var name string
	switch {
	case raw == nil || string(raw) == "null":
		return nil
	case json.Unmarshal(raw, &c.Logits) == nil && c.Logits > 0:
		return nil
	case json.Unmarshal(raw, &name) == nil && name == "inv_sqrt_d_model":
		c.Logits = float32(1 / math.Sqrt(float64(c.Width)))
		return nil
	}
	return errors.New("mpt: config: logit_scale is neither a number above 0 nor inv_sqrt_d_model")
}

// names are what a generation calls the tensors of a block, and the last norm.
type names struct{ norm1, norm2, module, up, act, down, lastNorm string }

func (c *Config) names() names {
	if c.First {
		return names{norm1: "ln_1", norm2: "ln_2", module: "mlp", up: "mlp_up", act: "mlp_act", down: "mlp_down", lastNorm: "ln_f"}
	}
	return names{norm1: "norm_1", norm2: "norm_2", module: "ffn", up: "up_proj", act: "act", down: "down_proj", lastNorm: "norm_f"}
}

// asStored is the configuration of what stands below b, the model's tensors. transformers' MptForCausalLM passes over keys by which MosaicML's own
// code makes other tensors: it has four times the width between the two maps of a perceptron, no bias and no norm of queries and keys, and
// ALiBi, whatever expansion_ratio, no_bias, qk_ln and alibi say. Which of the two wrote a checkpoint is seen by its tensors.
func (c Config) asStored(b *nn.Builder) Config {
	w, first := c.names(), b.Sub("blocks", 0)
	shape, ok := first.Sub(w.module).ShapeOf(w.up + ".weight")
	if !ok || len(shape) != 2 || c.First {
		return c
	}
	c.FeedForward = shape[0]
	c.Bias = c.Bias && first.Sub(w.module).Has(w.up+".bias")
	c.HeadNorm = c.HeadNorm && first.Sub("attn").Has("q_ln.weight")
	if c.Learned = c.Learned && b.Has(places); c.Learned {
		b.Refuse(places, noPlaces)
	}
	return c
}

// places is MosaicML's table of positions.
const places = "wpe.weight"
