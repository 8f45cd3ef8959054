package clip

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"dragoman/internal/plainjson"
	"dragoman/nn"
	"dragoman/vision"
)

// Config is the size of CLIP's image encoder.
type Config struct {
	HiddenSize       int
	IntermediateSize int
	Layers           int
	Heads            int
	ImageSize        int
	PatchSize        int
	Act              string
	Eps              float32

	// Patches leaves the class row out of what Encode gives: OpenFlamingo. IDEFICS reads all rows.
	Patches bool
	// Nudge is added to how many patches a side of another size has, where positions are interpolated: IDEFICS divides by it, and comes out a
	// little to the left.
	Nudge float64
	// Pool norms the class row for Features.Pooled: CLIP itself.
	Pool bool
}

func (c Config) sizes() Sizes {
	return Sizes{HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize, Layers: c.Layers, Heads: c.Heads, Act: c.Act, Eps: c.Eps}
}

// configJSON has the keys of transformers' vision configurations; IDEFICS calls the width embed_dim.
type configJSON struct {
	HiddenSize       int     `json:"hidden_size"`
	EmbedDim         int     `json:"embed_dim"`
	IntermediateSize int     `json:"intermediate_size"`
	Layers           int     `json:"num_hidden_layers"`
	Heads            int     `json:"num_attention_heads"`
	Channels         int     `json:"num_channels"`
	ImageSize        int     `json:"image_size"`
	PatchSize        int     `json:"patch_size"`
	Act              string  `json:"hidden_act"`
	Eps              float32 `json:"layer_norm_eps"`
}

// ParseConfig reads the vision_config of a CLIPModel; what is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	return parse(data, configJSON{
		HiddenSize: 768, IntermediateSize: 3072, Layers: 12, Heads: 12, Channels: 3, ImageSize: 224, PatchSize: 32, Act: "quick_gelu", Eps: 1e-5,
	})
}

// ParseIDEFICS reads the vision_config of an IDEFICS, whose defaults are others.
func ParseIDEFICS(data []byte) (Config, error) {
	c, err := parse(data, configJSON{
		HiddenSize: 768, IntermediateSize: 5120, Layers: 32, Heads: 16, Channels: 3, ImageSize: 224, PatchSize: 14, Act: "gelu", Eps: 1e-5,
	})
	c.Nudge = 0.1
	return c, err
}

func parse(data []byte, j configJSON) (Config, error) {
	if len(data) > 0 {
		if err := plainjson.Unmarshal(data, &j); err != nil {
			return Config{}, fmt.Errorf("vision_config: %w", err)
		}
	}
	if j.Channels != 3 {
		return Config{}, fmt.Errorf("vision_config: num_channels %d is not supported, pictures have 3", j.Channels)
	}
	c := Config{
		HiddenSize: cmp.Or(j.EmbedDim, j.HiddenSize), IntermediateSize: j.IntermediateSize, Layers: j.Layers, Heads: j.Heads,
		ImageSize: j.ImageSize, PatchSize: j.PatchSize, Act: j.Act, Eps: j.Eps,
	}
	return c, c.Check()
}

// Check says what is wrong with the sizes.
func (c Config) Check() error {
	return vision.Transformer{
		HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize, Layers: c.Layers, Heads: c.Heads,
		ImageSize: c.ImageSize, PatchSize: c.PatchSize, Act: c.Act,
	}.Check()
}

// Detect takes the sizes from a checkpoint that has no configuration, as open_clip's have none: all but the width of a head, which is 64
// in every ViT-B and ViT-L, and the activation, OpenAI's.
func Detect(b *nn.Builder) (Config, error) {
	c := Config{Act: "quick_gelu", Eps: 1e-5}
	patch, _ := b.ShapeOf("embeddings.patch_embedding.weight")
	positions, _ := b.ShapeOf("embeddings.position_embedding.weight")
	inner, _ := b.ShapeOf("encoder.layers.0.mlp.fc1.weight")
	if len(patch) != 4 || len(positions) != 2 || len(inner) != 2 || positions[0] < 2 {
		return c, fmt.Errorf("tensors %s.embeddings and %s.encoder are not those of a CLIP", b.Path(), b.Path())
	}
	for b.Has(fmt.Sprintf("encoder.layers.%d.mlp.fc1.weight", c.Layers)) {
		c.Layers++
	}
	grid := int(math.Sqrt(float64(positions[0] - 1)))
	c.HiddenSize, c.PatchSize, c.IntermediateSize = patch[0], patch[3], inner[0]
	c.ImageSize, c.Heads = grid*c.PatchSize, max(1, c.HiddenSize/64)
	return c, c.Check()
}

// Grid is how many patches a side of the picture has.
func (c Config) Grid() int { return c.ImageSize / c.PatchSize }

// JSON is the configuration as transformers' CLIPVisionModel has it.
func (c Config) JSON() ([]byte, error) {
	raw, err := json.MarshalIndent(map[string]any{
		"model_type": "clip_vision_model", "architectures": []string{"CLIPVisionModel"},
		"hidden_size": c.HiddenSize, "intermediate_size": c.IntermediateSize, "num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
		"num_channels": 3, "image_size": c.ImageSize, "patch_size": c.PatchSize, "hidden_act": c.Act, "layer_norm_eps": c.Eps,
	}, "", "  ")
	return append(raw, '\n'), err
}
