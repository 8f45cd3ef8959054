package resampler

import (
	"fmt"

	"dragoman/bridge"
	"dragoman/kernel"
)

// Config is a resampler's size and its variant.
type Config struct {
	Width       int // of features and latents
	Latents     int
	Layers      int
	Heads       int
	HeadDim     int // Heads·HeadDim need not be Width
	FeedForward int // width between the two halves of a perceptron
	Frames      int // learned vectors for frames; 0: none, all frames look alike

	Act          bridge.Act
	HeadNorm     bool // a layer norm over each head of queries and keys
	FeaturesOnly bool // keys and values from the features alone: the plain Perceiver
	Eps          float32
	Names        Names
}

// Names is whose names a checkpoint has for the tensors.
type Names uint8

// The two projects that released resamplers.
const (
	OpenFlamingo Names = iota // latents, layers.N.0.to_kv, frame_embs, norm, …
	IDEFICS                   // latents, blocks.N.0.k_proj, layer_norm, …
)

// Paper is the resampler that the paper describes, for features of a width: squared ReLU, a vector for each of eight frames.
func Paper(width int) Config {
	c := Released(width)
	c.Heads, c.HeadDim, c.Frames, c.Act = 16, width/16, 8, bridge.Act{Kind: kernel.ReLU, Square: true}
	return c
}

// Released is the resampler of OpenFlamingo's checkpoints, for features of a width.
func Released(width int) Config {
	return Config{
		Width: width, Latents: 64, Layers: 6, Heads: 8, HeadDim: 64, FeedForward: 4 * width, Act: bridge.Act{Kind: kernel.GELU}, Eps: 1e-5,
	}
}

// maxSize bounds every size, so that no product of two of them overflows.
const maxSize = 1 << 20

// Validate says what is wrong with a configuration that came from a file.
func (c Config) Validate() error {
	for _, s := range []struct {
		name         string
		value, least int
	}{
		{"width", c.Width, 1},
		{"number of latents", c.Latents, 1},
		{"number of layers", c.Layers, 1},
		{"number of heads", c.Heads, 1},
		{"size of a head", c.HeadDim, 1},
		{"feed-forward width", c.FeedForward, 1},
		{"number of frames", c.Frames, 0},
	} {
		if s.value < s.least || s.value > maxSize {
			return fmt.Errorf("resampler: %s of %d is not in %d…%d", s.name, s.value, s.least, maxSize)
		}
	}
	return nil
}

// words are the names of tensors in a checkpoint, those of a layer below layers.N.
type words struct {
	layers            string
	features, latents string // norms in front of an attention
	attention         bridge.Names
	feedForward       bridge.FeedForwardNames
	lastNorm          string
}

func (n Names) words() words {
	if n == IDEFICS {
		return words{
			layers: "blocks", features: "context_layer_norm", latents: "latents_layer_norm",
			attention: bridge.Names{
				Query: "q_proj", Key: "k_proj", Value: "v_proj", Out: "output_proj", QueryNorm: "q_layer_norm", KeyNorm: "k_layer_norm",
			},
			feedForward: bridge.FeedForwardNames{Norm: "ln", Inner: "fc", Act: "act", Outer: "c_proj"}, lastNorm: "layer_norm",
		}
	}
	return words{
		layers: "layers", features: "norm_media", latents: "norm_latents",
		attention:   bridge.Names{Query: "to_q", KeyValue: "to_kv", Out: "to_out", QueryNorm: "norm_q", KeyNorm: "norm_k"},
		feedForward: bridge.FeedForwardNames{Norm: "0", Inner: "1", Act: "2", Outer: "3"}, lastNorm: "norm",
	}
}
