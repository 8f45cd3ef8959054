package mpt

import (
	"encoding/json"
	"errors"
	"fmt"

	"dragoman/language"
)

// Config is an MPT's size.
type Config struct {
	Vocab, Width, FeedForward int
	Layers, Heads             int
	Context                   int
	BiasMax                   float64 // of ALiBi: the steepest head loses 2^−(BiasMax/Heads) a token
	Scale                     float32 // of scores; 0: 1/√d
	Eps                       float32 // of the layer norms
	Tied                      bool    // the output head is the embedding
	BOS, Pad                  int32
	EOS                       []int32
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

// ParseConfig reads the config.json of an MptForCausalLM. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	j := struct {
		Vocab     int          `json:"vocab_size"`
		Width     int          `json:"d_model"`
		Ratio     int          `json:"expansion_ratio"`
		Layers    int          `json:"n_layers"`
		Heads     int          `json:"n_heads"`
		Context   int          `json:"max_seq_len"`
		Eps       float32      `json:"layer_norm_epsilon"`
		NoBias    bool         `json:"no_bias"`
		Scale     any          `json:"logit_scale"`
		Attention attention    `json:"attn_config"`
		Tied      bool         `json:"tie_word_embeddings"`
		BOS       language.IDs `json:"bos_token_id"`
		EOS       language.IDs `json:"eos_token_id"`
		Pad       language.IDs `json:"pad_token_id"`
	}{
		Vocab: 50368, Width: 2048, Ratio: 4, Layers: 24, Heads: 16, Context: 2048, Eps: 1e-5, NoBias: true, Tied: true,
		Attention: attention{ALiBi: true, BiasMax: 8},
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("mpt: config: %w", err)
	}
	a := j.Attention
	switch {
	case !a.ALiBi:
		return Config{}, errors.New("mpt: config: attn_config: positions that are learned (alibi false) are not supported")
	case a.NormQK:
		return Config{}, errors.New("mpt: config: attn_config: norms of queries and keys (qk_ln) are not supported")
	case a.Clip != nil && *a.Clip != 0, a.PrefixLM, !j.NoBias, j.Scale != nil:
		return Config{}, errors.New("mpt: config: clip_qkv, prefix_lm, logit_scale and biases are not supported")
	}
	c := Config{
		Vocab: j.Vocab, Width: j.Width, FeedForward: j.Width * max(0, min(j.Ratio, 64)), Layers: j.Layers, Heads: j.Heads, Context: j.Context,
		BiasMax: a.BiasMax, Eps: j.Eps, Tied: j.Tied, BOS: j.BOS.First(), EOS: j.EOS, Pad: j.Pad.First(),
	}
	if a.Scale != nil {
		c.Scale = *a.Scale
	}
	return c, c.check()
}

func (c *Config) check() error {
	if err := language.CheckSizes(
		language.Size{Name: "vocabulary", Value: c.Vocab},
		language.Size{Name: "width", Value: c.Width},
		language.Size{Name: "feed-forward width", Value: c.FeedForward},
		language.Size{Name: "number of layers", Value: c.Layers},
		language.Size{Name: "number of heads", Value: c.Heads},
		language.Size{Name: "context", Value: c.Context},
	); err != nil {
		return fmt.Errorf("mpt: %w", err)
	}
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("mpt: width %d is not a multiple of %d heads", c.Width, c.Heads)
	}
	return nil
}

// shared is what the rest of the house knows of the model.
func (c *Config) shared() language.Config {
	return language.Config{
		Architecture: "mpt", Vocab: c.Vocab, Width: c.Width, Layers: c.Layers, KVHeads: c.Heads, HeadDim: c.Width / c.Heads,
		Context: c.Context, BOS: c.BOS, EOS: c.EOS, Pad: c.Pad,
	}
}
