package t5

import (
	"fmt"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
)

// Config is a T5's size, and in what its versions differ.
type Config struct {
	Vocab, Width, FeedForward    int
	EncoderLayers, DecoderLayers int
	Heads, HeadDim               int
	Buckets, Far                 int     // of the bias by distance: how many, and from where on all distances are alike
	Eps                          float32 // of the RMS norms
	Act                          kernel.Act
	Gated                        bool  // v1.1: wo(act(wi_0·x) ⊙ wi_1·x); v1.0: wo(act(wi·x))
	ScaleOutput                  bool  // v1.0: what the head reads is scaled by Width^−½
	Start, Begin, BOS, Pad       int32 // Begin is Start of what is written
	EOS                          []int32
}

func (c *Config) check() error {
	if err := language.CheckSizes(
		language.Size{Name: "vocabulary", Value: c.Vocab},
		language.Size{Name: "width", Value: c.Width},
		language.Size{Name: "feed-forward width", Value: c.FeedForward},
		language.Size{Name: "number of encoder layers", Value: c.EncoderLayers},
		language.Size{Name: "number of decoder layers", Value: c.DecoderLayers},
		language.Size{Name: "number of heads", Value: c.Heads},
		language.Size{Name: "size of a head", Value: c.HeadDim},
	); err != nil {
		return fmt.Errorf("t5: %w", err)
	}
	switch {
	case c.Buckets < 4 || c.Buckets > language.MaxSize || c.Far <= c.Buckets/2 || c.Far > language.MaxSize:
		return fmt.Errorf("t5: %d buckets of distances up to %d", c.Buckets, c.Far)
	case !(c.Eps >= 0):
		return fmt.Errorf("t5: norm epsilon %v", c.Eps)
	case min(c.Start, c.Begin) < 0 || int(max(c.Start, c.Begin)) >= c.Vocab:
		return fmt.Errorf("t5: texts begin with ids %d and %d of %d", c.Start, c.Begin, c.Vocab)
	}
	return nil
}

// ParseConfig reads the config.json of a T5ForConditionalGeneration, or a text_config. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	j := struct {
		Vocab         int          `json:"vocab_size"`
		Width         int          `json:"d_model"`
		HeadDim       int          `json:"d_kv"`
		FeedForward   int          `json:"d_ff"`
		Layers        int          `json:"num_layers"`
		DecoderLayers *int         `json:"num_decoder_layers"`
		Heads         int          `json:"num_heads"`
		Buckets       int          `json:"relative_attention_num_buckets"`
		Far           int          `json:"relative_attention_max_distance"`
		Eps           float32      `json:"layer_norm_epsilon"`
		Projection    string       `json:"feed_forward_proj"`
		Act           *string      `json:"dense_act_fn"`
		Gated         *bool        `json:"is_gated_act"`
		Tied          *bool        `json:"tie_word_embeddings"`
		Scale         *bool        `json:"scale_decoder_outputs"`
		Start         language.IDs `json:"decoder_start_token_id"`
		BOS           language.IDs `json:"bos_token_id"`
		EOS           language.IDs `json:"eos_token_id"`
		Pad           language.IDs `json:"pad_token_id"`
	}{
		Vocab: 32128, Width: 512, HeadDim: 64, FeedForward: 2048, Layers: 6, Heads: 8, Buckets: 32, Far: 128, Eps: 1e-6,
		Projection: "relu", EOS: language.IDs{1}, Pad: language.IDs{0},
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("t5: config: %w", err)
	}
	c := Config{
		Vocab: j.Vocab, Width: j.Width, FeedForward: j.FeedForward, EncoderLayers: j.Layers, DecoderLayers: j.Layers,
		Heads: j.Heads, HeadDim: j.HeadDim, Buckets: j.Buckets, Far: j.Far, Eps: j.Eps,
		Start: max(0, j.Pad.First()), BOS: j.BOS.First(), Pad: j.Pad.First(), EOS: j.EOS,
	}
	if j.DecoderLayers != nil {
		c.DecoderLayers = *j.DecoderLayers
	}
	if len(j.Start) > 0 {
		c.Start = j.Start.First()
	}
	c.Begin = c.Start
	// Only v1.0 scales. transformers 5 says so outright; before, a head that is the embedding stood for it, and now stands for nothing else.
	c.ScaleOutput = j.Tied == nil || *j.Tied
	if j.Scale != nil {
		c.ScaleOutput = *j.Scale
	}
	act, gated := strings.CutPrefix(j.Projection, "gated-")
	if gated && act == "gelu" {
		act = "gelu_new"
	}
	if j.Act != nil { // BLIP-2's Flan-T5 says gelu here, and means it
		act = *j.Act
	}
	if c.Gated = gated; j.Gated != nil {
		c.Gated = *j.Gated
	}
	var err error
	if c.Act, err = nn.ParseAct(act); err != nil {
		return Config{}, fmt.Errorf("t5: config: feed_forward_proj: %w", err)
	}
	return c, c.check()
}

// shared is what the rest of the house knows of the model.
func (c *Config) shared() language.Config {
	return language.Config{
		Architecture: "t5", Vocab: c.Vocab, Width: c.Width, Layers: c.DecoderLayers, KVHeads: c.Heads, HeadDim: c.HeadDim,
		Start: c.Start, Begin: c.Begin, BOS: c.BOS, EOS: c.EOS, Pad: c.Pad,
	}
}
