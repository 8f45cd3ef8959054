package clip

import "encoding/json"

// JSON is the configuration as transformers' CLIPVisionModel has it.
func (c Config) JSON() ([]byte, error) {
	raw, err := json.MarshalIndent(map[string]any{
		"model_type": "clip_vision_model", "architectures": []string{"CLIPVisionModel"},
		"hidden_size": c.HiddenSize, "intermediate_size": c.IntermediateSize, "num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
		"num_channels": 3, "image_size": c.ImageSize, "patch_size": c.PatchSize, "hidden_act": c.Act, "layer_norm_eps": c.Eps,
	}, "", "  ")
	return append(raw, '\n'), err
}
