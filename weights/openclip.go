package weights

import (
	"fmt"
	"strings"
)

// openCLIPRules renames what open_clip trains (and OpenAI's CLIP, which it follows) as transformers names it. The text side stands at the
// top there, or below text. in a model that was put together of parts.
func openCLIPRules() []Rule {
	rules := []Rule{
		{"visual.class_embedding", "vision_model.embeddings.class_embedding"},
		{"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
		{"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
		{"visual.ln_pre.*", "vision_model.pre_layrnorm.*"},
		{"visual.ln_post.*", "vision_model.post_layernorm.*"},
		{"text.text_projection", "text_projection"},
		{"text.text_projection.weight", "text_projection.weight"},
	}
	for _, text := range []string{"", "text."} {
		rules = append(rules,
			Rule{text + "token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
			Rule{text + "positional_embedding", "text_model.embeddings.position_embedding.weight"},
			Rule{text + "ln_final.*", "text_model.final_layer_norm.*"})
	}
	for _, side := range [][2]string{{"visual.", "vision_model."}, {"", "text_model."}, {"text.", "text_model."}} {
		from, to := side[0]+"transformer.resblocks.*.", side[1]+"encoder.layers.*."
		rules = append(rules,
			Rule{from + "ln_1.*", to + "layer_norm1.*"},
			Rule{from + "ln_2.*", to + "layer_norm2.*"},
			Rule{from + "mlp.c_fc.*", to + "mlp.fc1.*"},
			Rule{from + "mlp.c_proj.*", to + "mlp.fc2.*"},
			Rule{from + "attn.**", to + "self_attn.**"})
	}
	return rules
}

// openCLIPStrangers are parts that some of its models have and ours have not: poolers that attend, scales of layers and heads, norms inside of
// blocks, a class token of texts.
var openCLIPStrangers = []string{
	"visual.attn_pool", ".ls_1.", ".ls_2.", ".ln_attn.", ".head_scale", ".attn.ln_q.", ".attn.ln_k.", ".attn.logit_scale", ".attn.ln_inner", "text.cls_emb",
	".mlp.ln.", "logit_bias",
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

// OpenCLIP shows a checkpoint of open_clip under transformers' names; queries, keys and values, which are one matrix there, as three. The
// projections (visual.proj, text_projection) keep their names, because they stand the other way round than transformers'.
func OpenCLIP(src Source) (Source, error) {
	if isOpenCLIPVision(src) {
		src = Below(src, "visual.")
	}
	for _, name := range src.Names() {
		for _, part := range openCLIPStrangers {
			if strings.Contains(name, part) {
				return nil, fmt.Errorf("open_clip's names: %s: a model of such a part is not supported", name)
			}
		}
	}
	renamed, err := Rename(src, openCLIPRules()...)
	for _, model := range []string{"vision_model", "text_model"} {
		if err == nil {
			renamed, err = splitAttention(renamed, model+".encoder.layers.*.self_attn.")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open_clip's names: %w", err)
	}
	return renamed, nil
}

// splitAttention shows in_proj_weight and in_proj_bias below a pattern as queries', keys' and values'.
func splitAttention(src Source, below string) (Source, error) {
	var splits []Split
	for _, kind := range []string{"weight", "bias"} {
		s := Split{From: below + "in_proj_" + kind}
		for _, of := range []string{"q", "k", "v"} {
			s.Into = append(s.Into, Part{Name: below + of + "_proj." + kind})
		}
		splits = append(splits, s)
	}
	return SplitRows(src, splits...)
}
