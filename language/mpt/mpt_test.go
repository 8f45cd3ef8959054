package mpt

import (
	"fmt"
	"testing"
)

// What the model computes is compared with transformers' in model/flamingo.

func TestSlopes(t *testing.T) {
	for heads, want := range map[int]string{2: "[0.0625 0.00390625]", 4: "[0.25 0.0625 0.015625 0.00390625]", 3: "[0.0625 0.00390625 0.25]"} {
		if got := fmt.Sprint(slopes(heads, 8, false)); got != want {
			t.Errorf("%d heads: %s, want %s", heads, got, want)
		}
	}
	if got := fmt.Sprint(slopes(3, 6, true)); got != "[0.25 0.0625 0.015625]" {
		t.Errorf("MosaicGPT's three heads: %s", got)
	}
}

func TestParseConfig(t *testing.T) {
	if c, err := ParseConfig([]byte(`{"d_model":16,"n_heads":2}`)); err != nil || !c.Tied || c.FeedForward != 64 || c.BiasMax != 8 {
		t.Errorf("defaults are %+v, %v", c, err)
	}
	if c, err := ParseConfig([]byte(`{"logit_scale":0.5}`)); err != nil || c.Logits != 0 {
		t.Errorf("transformers has no logits that are scaled: %+v, %v", c, err)
	}
	for _, raw := range []string{
		`[]`, `{"d_model":0}`, `{"n_heads":7}`, `{"attn_config":{"clip_qkv":8}}`,
		`{"attn_config":{"alibi_bias_max":0}}`, `{"expansion_ratio":0}`,
	} {
		if _, err := ParseConfig([]byte(raw)); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}

// TestParseFirst reads a configuration as MPT-1B's is, and refuses what was not released.
func TestParseFirst(t *testing.T) {
	c, err := ParseFirst([]byte(`{"model_type":"mosaic_gpt","d_model":16,"n_heads":2,"n_layers":3,"mlp_ratio":2,"alibi":true,"alibi_bias_max":8,
		"attn_qk_ln":true,"attn_clip_qkv":null,"logit_scale":"inv_sqrt_d_model","no_bias":true,"softmax_scale":null,"low_precision_layernorm":true}`))
	if err != nil || !c.First || !c.HeadNorm || c.Bias || !c.Tied || c.FeedForward != 32 || c.Layers != 3 || c.Logits != 0.25 {
		t.Errorf("read %+v, %v", c, err)
	}
	for _, raw := range []string{`[]`, `{}`, `{"alibi":true,"attn_clip_qkv":8}`, `{"alibi":true,"prefix_lm":true}`, `{"alibi":true,"n_heads":7}`, `{"alibi":true,"logit_scale":"large"}`} {
		if _, err := ParseFirst([]byte(raw)); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}
