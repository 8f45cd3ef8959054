package weights

import "fmt"

// openCLIPRules renames the image side of what open_clip trains (and OpenAI's CLIP, which it follows) as transformers names it.
var openCLIPRules = []Rule{
	{"visual.class_embedding", "vision_model.embeddings.class_embedding"},
	{"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
	{"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
	{"visual.ln_pre.*", "vision_model.pre_layrnorm.*"},
	{"visual.ln_post.*", "vision_model.post_layernorm.*"},
	{"visual.transformer.resblocks.*.ln_1.*", "vision_model.encoder.layers.*.layer_norm1.*"},
	{"visual.transformer.resblocks.*.ln_2.*", "vision_model.encoder.layers.*.layer_norm2.*"},
	{"visual.transformer.resblocks.*.mlp.c_fc.*", "vision_model.encoder.layers.*.mlp.fc1.*"},
	{"visual.transformer.resblocks.*.mlp.c_proj.*", "vision_model.encoder.layers.*.mlp.fc2.*"},
	{"visual.transformer.resblocks.*.attn.**", "vision_model.encoder.layers.*.self_attn.**"},
}

// IsOpenCLIP says whether a checkpoint is open_clip's: a whole model, or its image encoder by itself.
func IsOpenCLIP(src Source) bool {
	_, whole := src.Lookup("visual.conv1.weight")
	return whole || isOpenCLIPVision(src)
}

func isOpenCLIPVision(src Source) bool {
	_, conv := src.Lookup("conv1.weight")
	_, norm := src.Lookup("ln_pre.weight")
	return conv && norm
}

// OpenCLIP shows the image encoder of a checkpoint of open_clip under transformers' names; queries, keys and values, which are one
// matrix there, as three. The rest keeps its names.
func OpenCLIP(src Source) (Source, error) {
	if isOpenCLIPVision(src) {
		src = Below(src, "visual.")
	}
	const attention = "vision_model.encoder.layers.*.self_attn."
	renamed, err := Rename(src, openCLIPRules...)
	if err == nil {
		renamed, err = SplitRows(renamed,
			Split{From: attention + "in_proj_weight", Into: []Part{{Name: attention + "q_proj.weight"}, {Name: attention + "k_proj.weight"}, {Name: attention + "v_proj.weight"}}},
			Split{From: attention + "in_proj_bias", Into: []Part{{Name: attention + "q_proj.bias"}, {Name: attention + "k_proj.bias"}, {Name: attention + "v_proj.bias"}}})
	}
	if err != nil {
		return nil, fmt.Errorf("open_clip's names: %w", err)
	}
	return renamed, nil
}
