package opt

import (
	"fmt"

	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
)

// Config is an OPT's size and the order of its norms.
type Config struct {
	language.Sizes // Context is the positions that the table has, besides two that stand before them

	WordWidth  int // of a word's embedding; Width but in opt-350m
	Act        kernel.Act
	NormBefore bool // norms stand before attention and feed-forward; behind them in opt-350m
	LastNorm   bool // there is a norm behind the last block
	Bias       bool // linear maps have biases
	Tied       bool // the output head is the embedding
}

// ParseConfig reads the config.json of an OPTForCausalLM, or a text_config. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	j := struct {
		Vocab       int          `json:"vocab_size"`
		Width       int          `json:"hidden_size"`
		WordWidth   *int         `json:"word_embed_proj_dim"`
		FeedForward int          `json:"ffn_dim"`
		Layers      int          `json:"num_hidden_layers"`
		Heads       int          `json:"num_attention_heads"`
		Context     int          `json:"max_position_embeddings"`
		Act         string       `json:"activation_function"`
		NormBefore  bool         `json:"do_layer_norm_before"`
		NoLastNorm  bool         `json:"_remove_final_layer_norm"`
		Bias        bool         `json:"enable_bias"`
		AffineNorms bool         `json:"layer_norm_elementwise_affine"`
		Tied        bool         `json:"tie_word_embeddings"`
		BOS         language.IDs `json:"bos_token_id"`
		EOS         language.IDs `json:"eos_token_id"`
		Pad         language.IDs `json:"pad_token_id"`
	}{
		Vocab: 50272, Width: 768, FeedForward: 3072, Layers: 12, Heads: 12, Context: 2048, Act: "relu", NormBefore: true,
		Bias: true, AffineNorms: true, Tied: true, BOS: language.IDs{2}, EOS: language.IDs{2}, Pad: language.IDs{1},
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("opt: config: %w", err)
	}
	if j.WordWidth == nil {
		j.WordWidth = &j.Width
	}
	if !j.AffineNorms {
		return Config{}, fmt.Errorf("opt: config: layer_norm_elementwise_affine false, norms without weights, is not supported")
	}
	act, err := nn.ParseAct(j.Act)
	if err != nil {
		return Config{}, fmt.Errorf("opt: config: activation_function: %w", err)
	}
	c := Config{
		Sizes: language.Sizes{
			Vocab: j.Vocab, Width: j.Width, FeedForward: j.FeedForward, Layers: j.Layers, Heads: j.Heads, Context: j.Context,
			BOS: j.BOS.First(), EOS: j.EOS, Pad: j.Pad.First(),
		},
		WordWidth: *j.WordWidth, Act: act, NormBefore: j.NormBefore, LastNorm: j.NormBefore && !j.NoLastNorm, Bias: j.Bias, Tied: j.Tied,
	}
	return c, c.CheckHeads("opt", language.Size{Name: "width of a word's embedding", Value: c.WordWidth})
}

// shared is what the rest of the house knows of the model.
func (c *Config) shared() language.Config {
	shared := c.Shared("opt")
	shared.Width, shared.Bounded = c.WordWidth, true
	return shared
}
