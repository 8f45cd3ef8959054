package weights

import (
	"fmt"
	"strings"
)

// lavisRules renames what LAVIS trains (salesforce/LAVIS, BLIP-2 and InstructBLIP) as transformers names it.
var lavisRules = []Rule{
	{"visual_encoder.cls_token", "vision_model.embeddings.class_embedding"},
	{"visual_encoder.pos_embed", "vision_model.embeddings.position_embedding"},
	{"visual_encoder.patch_embed.proj.*", "vision_model.embeddings.patch_embedding.*"},
	{"visual_encoder.blocks.*.norm1.*", "vision_model.encoder.layers.*.layer_norm1.*"},
	{"visual_encoder.blocks.*.norm2.*", "vision_model.encoder.layers.*.layer_norm2.*"},
	{"visual_encoder.blocks.*.attn.qkv.*", "vision_model.encoder.layers.*.self_attn.qkv.*"},
	{"visual_encoder.blocks.*.attn.proj.*", "vision_model.encoder.layers.*.self_attn.projection.*"},
	{"visual_encoder.blocks.*.attn.q_bias", ""}, // joined: see lavisBiases
	{"visual_encoder.blocks.*.attn.v_bias", ""},
	{"visual_encoder.blocks.*.mlp.**", "vision_model.encoder.layers.*.mlp.**"},
	{"ln_vision.*", "vision_model.post_layernorm.*"},
	{"Qformer.bert.embeddings.position_ids", ""},
	{"Qformer.bert.encoder.layer.*.attention.self.**", "qformer.encoder.layer.*.attention.attention.**"},
	{"Qformer.bert.encoder.layer.*.crossattention.self.**", "qformer.encoder.layer.*.crossattention.attention.**"},
	{"Qformer.bert.encoder.**", "qformer.encoder.**"},
	{"Qformer.cls.**", "cls.**"},
	{"vision_proj.*", "vision_projection.*"},
	{"text_proj.*", "text_projection.*"},
	{"opt_proj.*", "language_projection.*"},
	{"t5_proj.*", "language_projection.*"},
	{"llm_proj.*", "language_projection.*"},
	{"opt_model.**", "language_model.**"},
	{"t5_model.**", "language_model.**"},
	{"llm_model.**", "language_model.**"},
}

// BLIP-2 keeps the text's embeddings, and the norm that queries enter by, beside the Q-Former, InstructBLIP inside of it.
var (
	lavisBLIP2 = []Rule{
		{"Qformer.bert.embeddings.LayerNorm.*", "qformer.layernorm.*"},
		{"Qformer.bert.embeddings.**", "embeddings.**"},
	}
	lavisInstruct = []Rule{
		{"Qformer.bert.embeddings.LayerNorm.*", "qformer.embeddings.layernorm.*"},
		{"Qformer.bert.embeddings.**", "qformer.embeddings.**"},
	}
)

const lavisVision = "visual_encoder."

// IsLAVIS says whether a checkpoint is LAVIS's: a bridge, or the EVA vision
// transformer by itself (eva_vit_g.pth).
func IsLAVIS(src Source) bool { return isLAVISBridge(src) || isEVA(src) }

func isLAVISBridge(src Source) bool {
	_, ok := src.Lookup("Qformer.bert.encoder.layer.0.attention.self.query.weight")
	return ok
}

func isEVA(src Source) bool {
	_, token := src.Lookup("cls_token")
	_, block := src.Lookup("blocks.0.attn.qkv.weight")
	return token && block
}

// LAVIS shows a checkpoint of LAVIS under transformers' names. The encoder's
// query and value biases, of which there is none for the keys, become one of
// three parts.
func LAVIS(src Source) (Source, error) {
	if isEVA(src) {
		src = Below(src, lavisVision)
	}
	rules := append(append([]Rule{}, lavisRules...), lavisBLIP2...)
	if isInstruct(src) {
		rules = append(append([]Rule{}, lavisRules...), lavisInstruct...)
	}
	renamed, err := Rename(src, rules...)
	if err != nil {
		return nil, fmt.Errorf("LAVIS's names: %w", err)
	}
	biases, err := lavisBiases(src)
	if err != nil {
		return nil, fmt.Errorf("LAVIS's names: %w", err)
	}
	if len(biases) == 0 {
		return renamed, nil
	}
	return Merge(renamed, biases), nil
}

// isInstruct tells InstructBLIP, whose Q-Former reads the instruction and whose
// prompt goes to a language model, from BLIP-2, which has either text in the
// Q-Former (to match pictures with) or a language model.
func isInstruct(src Source) bool {
	if _, text := src.Lookup("Qformer.bert.embeddings.word_embeddings.weight"); !text {
		return false
	}
	if _, match := src.Lookup("vision_proj.weight"); match {
		return false
	}
	for _, way := range []string{"opt_proj.weight", "t5_proj.weight", "llm_proj.weight"} {
		if _, ok := src.Lookup(way); ok {
			return true
		}
	}
	return false
}

// lavisBiases joins each block's q_bias and v_bias to [q, 0, v].
func lavisBiases(src Source) (Memory, error) {
	joined := Memory{}
	for _, name := range src.Names() {
		block, ok := strings.CutSuffix(name, ".attn.q_bias")
		number, inside := strings.CutPrefix(block, lavisVision+"blocks.")
		if !ok || !inside {
			continue
		}
		q, _ := src.Lookup(name)
		v, ok := src.Lookup(block + ".attn.v_bias")
		if !ok || q.Len() != v.Len() {
			return nil, fmt.Errorf("tensor %s: no v_bias of the same size beside it", quote(name))
		}
		width := q.Len()
		values := make([]float32, 3*width)
		for at, t := range map[int]Tensor{0: q, 2 * width: v} {
			part, err := t.Float32()
			if err != nil {
				return nil, err
			}
			copy(values[at:], part)
		}
		to := "vision_model.encoder.layers." + number + ".self_attn.qkv.bias"
		joined[to] = FromFloat32(to, []int{3 * width}, values)
	}
	return joined, nil
}
