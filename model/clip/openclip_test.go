package clip

import (
	"os"
	"strings"
	"testing"

	"dragoman/weights"
)

// TestOpenCLIPConfig reads what open_clip's configurations say besides sizes: it acts, or is refused, or changes nothing.
func TestOpenCLIPConfig(t *testing.T) {
	raw, err := os.ReadFile("testdata/openclip/open_clip_config.json")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(part, value string) (Config, error) {
		if part == "model_cfg" {
			return parseOpenCLIP([]byte(strings.Replace(string(raw), `"embed_dim"`, value+`,"embed_dim"`, 1)))
		}
		return parseOpenCLIP([]byte(strings.Replace(string(raw), `"`+part+`": {`, `"`+part+`": {`+value+`,`, 1)))
	}
	for _, c := range [][2]string{
		{"vision_cfg", `"attentional_pool":true`},
		{"vision_cfg", `"attentional_pool":"parallel"`},
		{"vision_cfg", `"pool_type":"avg"`},
		{"vision_cfg", `"no_ln_pre":true`},
		{"vision_cfg", `"final_ln_after_pool":true`},
		{"vision_cfg", `"pos_embed_type":"sin_cos_2d"`},
		{"vision_cfg", `"ls_init_value":1e-4`},
		{"vision_cfg", `"qk_norm":true`},
		{"vision_cfg", `"something_new":3`},
		{"vision_cfg", `"norm_kwargs":{"elementwise_affine":false}`},
		{"vision_cfg", `"norm_kwargs":[]`},
		{"vision_cfg", `"act_kwargs":{"approximate":"tanh"}`}, // which QuickGELU does not have
		{"vision_cfg", `"timm_model_name":"vit"`},
		{"text_cfg", `"no_causal_mask":true`},
		{"text_cfg", `"pool_type":"last"`},
		{"text_cfg", `"pool_type":"eos"`},
		{"text_cfg", `"proj_type":"none"`},
		{"text_cfg", `"proj_bias":true`},
		{"text_cfg", `"embed_cls":true`},
		{"text_cfg", `"hf_model_name":"roberta-base"`},
		{"text_cfg", `"tokenizer_kwargs":{"clean":"canonicalize"}`},
		{"model_cfg", `"multimodal_cfg":{"width":3}`},
		{"model_cfg", `"init_logit_bias":-10`},
	} {
		key, _, _ := strings.Cut(strings.Trim(c[1], `"`), `"`)
		_, err := parse(c[0], c[1])
		if err == nil || !strings.HasPrefix(err.Error(), openCLIPConfig+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c[1], err)
		} else if !strings.Contains(err.Error(), key) && !strings.Contains(err.Error(), "timm or transformers") {
			t.Errorf("%s: the error does not name it: %v", c[1], err)
		}
	}
	for _, c := range [][2]string{
		{"vision_cfg", `"attentional_pool":false,"pool_type":"tok","patch_dropout":0.5,"output_tokens":true,"ls_init_value":null,"block_type":"default"`},
		{"text_cfg", `"no_causal_mask":false,"pool_type":"argmax","proj_type":"linear","hf_tokenizer_name":"x","tokenizer_kwargs":{"clean": "lower"}`},
		{"model_cfg", `"custom_text":true,"init_logit_bias":null`},
	} {
		if _, err := parse(c[0], c[1]); err != nil {
			t.Errorf("%s: %v", c[1], err)
		}
	}
	c, err := parse("text_cfg", `"pool_type":"eos","eos_id":7,"norm_kwargs":{"eps":1e-3}`)
	if err != nil || c.Text.EOS != 7 || c.Text.Eps != 1e-3 || c.Vision.Eps != 1e-5 {
		t.Errorf("%+v, %v", c.Text, err)
	}
	raw = []byte(strings.Replace(string(raw), `"quick_gelu": true`, `"quick_gelu": false`, 1))
	c, err = parse("vision_cfg", `"act_kwargs":{"approximate":"tanh"},"norm_kwargs":{"eps":1e-6}`)
	if err != nil || c.Vision.Act != "gelu_pytorch_tanh" || c.Vision.Eps != 1e-6 || c.Text.Act != "gelu" {
		t.Errorf("%+v, %v", c.Vision, err)
	}
}

// TestOpenCLIPStrangers refuses checkpoints that have what their configuration may not even say.
func TestOpenCLIPStrangers(t *testing.T) {
	f, err := weights.Open("testdata/openclip/open_clip_model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"visual.attn_pool.query", "visual.transformer.resblocks.0.ls_1.gamma", "text.cls_emb", "logit_bias"} {
		src := weights.Merge(weights.Memory{name: weights.FromFloat32(name, []int{1}, []float32{1})}, f)
		if _, err := weights.OpenCLIP(src); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
