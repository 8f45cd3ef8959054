package qformer

import (
	"fmt"

	"dragoman/kernel"
)

// Config is the shape of a Q-Former. Zero values are not defaults: Defaults has those of the released checkpoints.
type Config struct {
	Width        int // of the hidden states
	Layers       int
	Heads        int // Width is a multiple of it
	FeedForward  int // width between the two halves of a feed-forward
	Queries      int // how many are learned
	CrossEvery   int // layers 0, CrossEvery, 2·CrossEvery, … attend to the picture
	FeatureWidth int // of a picture's features
	Act          kernel.Act
	Eps          float32 // of the layer norms
	InitStd      float32 // of fresh weights

	HiddenDropout    float32 // in training, of what each sub-layer adds
	AttentionDropout float32 // in training, of the attention weights

	Text      bool  // the text stream: embeddings and the text's feed-forwards
	Vocab     int   // words
	Pad       int32 // the word whose embedding gets no gradient where it is looked up; −1: none
	Positions int   // the longest text
}

// Defaults is the Q-Former of the released BLIP-2 checkpoints, which sits on features 1408 wide.
func Defaults() Config {
	return Config{
		Width: 768, Layers: 12, Heads: 12, FeedForward: 3072, Queries: 32, CrossEvery: 2, FeatureWidth: 1408,
		Act: kernel.GELU, Eps: 1e-12, InitStd: 0.02, HiddenDropout: 0.1, AttentionDropout: 0.1,
		Vocab: 30522, Positions: 512,
	}
}

// maxSize bounds every size, so that no product of two of them overflows and a hostile config cannot ask for the impossible.
const maxSize = 1 << 20

// Validate says what is wrong with a configuration that came from a file.
func (c Config) Validate() error {
	sizes := []struct {
		name  string
		value int
	}{
		{"hidden_size", c.Width},
		{"num_hidden_layers", c.Layers},
		{"num_attention_heads", c.Heads},
		{"intermediate_size", c.FeedForward},
		{"num_query_tokens", c.Queries},
		{"cross_attention_frequency", c.CrossEvery},
		{"encoder_hidden_size", c.FeatureWidth},
	}
	if c.Text {
		sizes = append(sizes, []struct {
			name  string
			value int
		}{{"vocab_size", c.Vocab}, {"max_position_embeddings", c.Positions}}...)
	}
	for _, s := range sizes {
		if s.value < 1 || s.value > maxSize {
			return fmt.Errorf("q-former: %s is %d, not in 1…%d", s.name, s.value, maxSize)
		}
	}
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("q-former: hidden_size %d is not a multiple of num_attention_heads %d", c.Width, c.Heads)
	}
	return nil
}

// looks says whether a layer attends to the picture.
func (c Config) looks(layer int) bool { return layer%c.CrossEvery == 0 }
