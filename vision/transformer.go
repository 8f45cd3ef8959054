package vision

import (
	"fmt"

	"dragoman/nn"
)

// Transformer is what the configurations of vision transformers have in common, by transformers' names.
type Transformer struct {
	HiddenSize, IntermediateSize, Layers, Heads, ImageSize, PatchSize int
	Act                                                               string
}

// Check says what is wrong with sizes and names.
func (c Transformer) Check() error {
	for _, v := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.HiddenSize},
		{"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.Layers},
		{"num_attention_heads", c.Heads},
		{"image_size", c.ImageSize},
		{"patch_size", c.PatchSize},
	} {
		if v.value < 1 || v.value > 1<<20 {
			return fmt.Errorf("vision_config: %s: %d is out of range", v.name, v.value)
		}
	}
	if c.HiddenSize%c.Heads != 0 {
		return fmt.Errorf("vision_config: hidden_size %d is not a multiple of num_attention_heads %d", c.HiddenSize, c.Heads)
	}
	if c.PatchSize > c.ImageSize {
		return fmt.Errorf("vision_config: patch_size %d exceeds image_size %d", c.PatchSize, c.ImageSize)
	}
	if _, err := nn.ParseAct(c.Act); err != nil {
		return fmt.Errorf("vision_config: hidden_act: %w", err)
	}
	return nil
}
