package gptneox

import (
	"cmp"
	"fmt"

	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
)

// Config is a GPT-NeoX's size.
type Config struct {
	language.Sizes
	Rope     tensor.Rope // of the first columns of each head
	Act      kernel.Act
	Eps      float32 // of the layer norms
	Parallel bool    // attention and feed-forward read the same hidden states
	Bias     bool    // the attention's maps have biases
	Tied     bool    // the output head is the embedding
}

// ParseConfig reads the config.json of a GPTNeoXForCausalLM. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	j := struct {
		Vocab       int                      `json:"vocab_size"`
		Width       int                      `json:"hidden_size"`
		FeedForward int                      `json:"intermediate_size"`
		Layers      int                      `json:"num_hidden_layers"`
		Heads       int                      `json:"num_attention_heads"`
		Context     int                      `json:"max_position_embeddings"`
		Act         string                   `json:"hidden_act"`
		Eps         float32                  `json:"layer_norm_eps"`
		Fraction    float32                  `json:"rotary_pct"`
		Base        float32                  `json:"rotary_emb_base"`
		Scaling     *language.RopeParameters `json:"rope_scaling"`
		Rope        *language.RopeParameters `json:"rope_parameters"`
		Parallel    bool                     `json:"use_parallel_residual"`
		Bias        bool                     `json:"attention_bias"`
		Tied        bool                     `json:"tie_word_embeddings"`
		BOS         language.IDs             `json:"bos_token_id"`
		EOS         language.IDs             `json:"eos_token_id"`
		Pad         language.IDs             `json:"pad_token_id"`
	}{
		Vocab: 50432, Width: 6144, FeedForward: 24576, Layers: 44, Heads: 64, Context: 2048, Act: "gelu", Eps: 1e-5, Fraction: 0.25,
		Base: 10000, Parallel: true, Bias: true, BOS: language.IDs{0}, EOS: language.IDs{2},
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("gptneox: config: %w", err)
	}
	scaling := &language.RopeParameters{}
	for _, r := range []*language.RopeParameters{j.Scaling, j.Rope} {
		if r == nil {
			continue
		}
		j.Base = cmp.Or(r.Theta, j.Base)
		j.Fraction = cmp.Or(r.Fraction, j.Fraction)
		if r.Kind() != language.RopeDefault {
			scaling = r
		}
	}
	act, err := nn.ParseAct(j.Act)
	if err != nil {
		return Config{}, fmt.Errorf("gptneox: config: hidden_act: %w", err)
	}
	c := Config{
		Sizes: language.Sizes{
			Vocab: j.Vocab, Width: j.Width, FeedForward: j.FeedForward, Layers: j.Layers, Heads: j.Heads, Context: j.Context,
			BOS: j.BOS.First(), EOS: j.EOS, Pad: j.Pad.First(),
		},
		Act: act, Eps: j.Eps, Parallel: j.Parallel, Bias: j.Bias, Tied: j.Tied,
	}
	if err := c.CheckHeads("gptneox"); err != nil {
		return Config{}, err
	}
	c.Rope = tensor.Rope{Dim: int(float64(c.headDim()) * float64(j.Fraction)), Base: j.Base}
	if c.Rope.Dim < 2 || c.Rope.Dim > c.headDim() || c.Rope.Dim%2 != 0 || !(c.Rope.Base > 0) {
		return Config{}, fmt.Errorf("gptneox: config: rotation of %d columns of heads of %d, base %v", c.Rope.Dim, c.headDim(), c.Rope.Base)
	}
	if c.Rope.Stretch, err = scaling.Stretch(language.RopeSize{Context: j.Context, Dim: c.Rope.Dim, Base: j.Base}); err != nil {
		return Config{}, fmt.Errorf("gptneox: config: %w", err)
	}
	return c, nil
}

func (c *Config) headDim() int { return c.Width / c.Heads }
