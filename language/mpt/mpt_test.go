package mpt

import (
	"fmt"
	"testing"
)

// What the model computes is compared with transformers' in model/flamingo.

func TestSlopes(t *testing.T) {
	for heads, want := range map[int]string{2: "[0.0625 0.00390625]", 4: "[0.25 0.0625 0.015625 0.00390625]", 3: "[0.0625 0.00390625 0.25]"} {
		if got := fmt.Sprint(slopes(heads, 8)); got != want {
			t.Errorf("%d heads: %s, want %s", heads, got, want)
		}
	}
}

func TestParseConfig(t *testing.T) {
	if c, err := ParseConfig([]byte(`{"d_model":16,"n_heads":2}`)); err != nil || !c.Tied || c.FeedForward != 64 || c.BiasMax != 8 {
		t.Errorf("defaults are %+v, %v", c, err)
	}
	for _, raw := range []string{
		`[]`, `{"d_model":0}`, `{"n_heads":7}`, `{"attn_config":{"qk_ln":true}}`, `{"attn_config":{"alibi":false}}`, `{"attn_config":{"clip_qkv":8}}`,
		`{"no_bias":false}`, `{"expansion_ratio":0}`, `{"logit_scale":2}`,
	} {
		if _, err := ParseConfig([]byte(raw)); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}
