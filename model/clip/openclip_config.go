package clip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"dragoman/internal/plainjson"
	vision "dragoman/vision/clip"
)

const openCLIPConfig = vision.OpenCLIPConfig

// parseOpenCLIP reads open_clip's configuration of a model whose sides are both transformers; what is left out has open_clip's default.
func parseOpenCLIP(data []byte) (Config, error) {
	type tower struct {
		Layers    json.RawMessage `json:"layers"` // four numbers for a ResNet
		Width     int             `json:"width"`
		HeadWidth int             `json:"head_width"`
		Heads     int             `json:"heads"`
		Ratio     float64         `json:"mlp_ratio"`
		Patch     int             `json:"patch_size"`
		Size      json.RawMessage `json:"image_size"`
		Context   int             `json:"context_length"`
		Vocab     int             `json:"vocab_size"`
		Timm      string          `json:"timm_model_name"`
		HF        string          `json:"hf_model_name"`
		Pool      string          `json:"pool_type"`
		EOS       int32           `json:"eos_id"`
		Norm      struct {
			Eps float32 `json:"eps"`
		} `json:"norm_kwargs"`
		Act struct {
			Approximate string `json:"approximate"`
		} `json:"act_kwargs"`
	}
	var j struct {
		Model struct {
			Width  int   `json:"embed_dim"`
			Quick  bool  `json:"quick_gelu"`
			Vision tower `json:"vision_cfg"`
			Text   tower `json:"text_cfg"`
		} `json:"model_cfg"`
		Preprocess preprocessing `json:"preprocess_cfg"`
	}
	v, t := &j.Model.Vision, &j.Model.Text
	*v = tower{Layers: json.RawMessage("12"), Width: 768, HeadWidth: 64, Ratio: 4, Patch: 16, Size: json.RawMessage("224")}
	*t = tower{Layers: json.RawMessage("12"), Width: 512, Heads: 8, Ratio: 4, Context: 77, Vocab: 49408, Pool: "argmax", EOS: 2}
	v.Norm.Eps, t.Norm.Eps = 1e-5, 1e-5
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("%s: %w", openCLIPConfig, err)
	}
	if v.Timm != "" || t.HF != "" {
		return Config{}, fmt.Errorf("%s: encoders out of timm or transformers (%s%s) are not supported", openCLIPConfig, v.Timm, t.HF)
	}
	if err := checkOpenCLIP(data); err != nil {
		return Config{}, fmt.Errorf("%s: %w", openCLIPConfig, err)
	}
	var acts [2]string
	for i, approximate := range []string{v.Act.Approximate, t.Act.Approximate} {
		act, err := vision.OpenCLIPAct(j.Model.Quick, approximate)
		if err != nil {
			return Config{}, err
		}
		acts[i] = act
	}
	eos := int32(highest)
	if t.Pool == "eos" {
		if eos = t.EOS; eos == highest {
			return Config{}, fmt.Errorf("%s: text_cfg: pool_type \"eos\" with eos_id %d is not supported", openCLIPConfig, eos)
		}
	}
	var layers [2]int
	var size int
	for i, l := range []json.RawMessage{v.Layers, t.Layers} {
		if json.Unmarshal(l, &layers[i]) != nil {
			return Config{}, fmt.Errorf("%s: layers %s: a ResNet is not supported", openCLIPConfig, plainjson.Brief(l))
		}
	}
	if json.Unmarshal(v.Size, &size) != nil {
		return Config{}, fmt.Errorf("%s: image_size %s is not one number", openCLIPConfig, plainjson.Brief(v.Size))
	}
	if v.HeadWidth < 1 || v.Ratio > 64 || t.Ratio > 64 {
		return Config{}, fmt.Errorf("%s: head_width %d or mlp_ratio is out of range", openCLIPConfig, v.HeadWidth)
	}
	vc := vision.Config{
		HiddenSize: v.Width, IntermediateSize: int(float64(v.Width) * v.Ratio), Layers: layers[0], Heads: v.Width / v.HeadWidth,
		ImageSize: size, PatchSize: v.Patch, Act: acts[0], Eps: v.Norm.Eps, Pool: true,
	}
	tc := TextConfig{
		Sizes: vision.Sizes{HiddenSize: t.Width, IntermediateSize: int(float64(t.Width) * t.Ratio), Layers: layers[1], Heads: t.Heads, Act: acts[1], Eps: t.Norm.Eps},
		Vocab: t.Vocab, Positions: t.Context, EOS: eos,
	}
	err := errors.Join(vc.Check(), tc.check())
	if j.Model.Width < 1 || j.Model.Width > 1<<20 {
		err = fmt.Errorf("embed_dim %d is out of range", j.Model.Width)
	}
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", openCLIPConfig, err)
	}
	return Config{Vision: &vc, Text: &tc, Width: j.Model.Width, preprocess: j.Preprocess}, nil
}

// What open_clip's configuration may say besides: what is read, and what changes nothing here.
var (
	openCLIPModel  = []string{"embed_dim", "quick_gelu", "vision_cfg", "text_cfg", "custom_text", "init_logit_scale"}
	openCLIPVision = []string{
		"layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "norm_kwargs", "act_kwargs",
		"timm_model_name", "timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias", "timm_drop", "timm_drop_path",
		"patch_dropout", "output_tokens", "attn_pooler_queries", "attn_pooler_heads", "n_queries",
	}
	openCLIPText = []string{
		"layers", "width", "heads", "mlp_ratio", "context_length", "vocab_size", "norm_kwargs", "act_kwargs", "eos_id",
		"hf_model_name", "hf_model_pretrained", "hf_tokenizer_name", "hf_proj_type", "hf_pooler_type", "tokenizer_mode",
		"output_tokens", "pad_id",
	}
)

// checkOpenCLIP refuses what would change the model and is not done here: whatever has another value than the one that it is left out for.
func checkOpenCLIP(data []byte) error {
	var j struct {
		Model map[string]json.RawMessage `json:"model_cfg"`
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return err
	}
	parts := map[string]map[string]json.RawMessage{"model_cfg": j.Model}
	for _, name := range []string{"vision_cfg", "text_cfg"} {
		part := map[string]json.RawMessage{}
		if raw := j.Model[name]; raw != nil {
			if err := plainjson.Unmarshal(raw, &part); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		parts[name] = part
	}
	for _, part := range []struct {
		name   string
		known  []string
		silent map[string]string // values that say no more than none would
	}{
		{"model_cfg", openCLIPModel, nil},
		{"vision_cfg", openCLIPVision, map[string]string{
			"pool_type": `"tok"`, "pos_embed_type": `"learnable"`, "block_type": `"default"`,
		}},
		{"text_cfg", openCLIPText, map[string]string{
			"pool_type": `"argmax" "eos"`, "proj_type": `"linear"`, "block_type": `"default"`, "tokenizer_kwargs": `{"clean":"lower"} {"clean":"whitespace"}`,
		}},
	} {
		for _, key := range slices.Sorted(maps.Keys(parts[part.name])) {
			var value bytes.Buffer
			if err := json.Compact(&value, parts[part.name][key]); err != nil {
				return err
			}
			usual := append(strings.Fields(part.silent[key]), "null", "false", "0", "0.0", `""`, "{}")
			if !slices.Contains(part.known, key) && !slices.Contains(usual, value.String()) {
				return fmt.Errorf("%s: %s is not supported", part.name, shown(key, value.String()))
			}
		}
	}
	for _, name := range []string{"vision_cfg", "text_cfg"} {
		for option, key := range map[string]string{"norm_kwargs": "eps", "act_kwargs": "approximate"} {
			var values map[string]json.RawMessage
			if raw := parts[name][option]; raw != nil {
				if err := plainjson.Unmarshal(raw, &values); err != nil {
					return fmt.Errorf("%s: %s: %w", name, option, err)
				}
			}
			for k := range values {
				if k != key {
					return fmt.Errorf("%s: %s: %s is not supported", name, option, shown(k, ""))
				}
			}
		}
	}
	return nil
}

// shown is a key with its value, on one line.
func shown(key, value string) string {
	if strings.ContainsFunc(key, unicode.IsControl) {
		key = fmt.Sprintf("%.60q", key)
	}
	return strings.TrimSpace(fmt.Sprintf("%.60s %.60s", key, value))
}
