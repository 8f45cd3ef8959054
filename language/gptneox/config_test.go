package gptneox

import "testing"

// What the model computes is compared with transformers' in model/flamingo, in both orders of its parts.

// TestParseConfig reads what files say of the rotation, in either way.
func TestParseConfig(t *testing.T) {
	for raw, dim := range map[string]int{
		`{"hidden_size":16,"num_attention_heads":2}`:                  2,
		`{"hidden_size":16,"num_attention_heads":2,"rotary_pct":1.0}`: 8,
		`{"hidden_size":16,"num_attention_heads":2,"rope_parameters":{"partial_rotary_factor":0.5,"rope_theta":5000,"rope_type":"default"}}`: 4,
	} {
		c, err := ParseConfig([]byte(raw))
		if err != nil || c.Rope.Dim != dim {
			t.Errorf("%s: %+v, %v", raw, c.Rope, err)
		}
	}
	if c, err := ParseConfig([]byte(`{}`)); err != nil || !c.Parallel || !c.Bias || c.Tied || c.Rope.Base != 10000 {
		t.Errorf("defaults are %+v, %v", c, err)
	}
	for _, raw := range []string{
		`[]`, `{"hidden_size":0}`, `{"num_attention_heads":7}`, `{"hidden_act":"gulp"}`, `{"rotary_pct":0.001}`, `{"rotary_pct":2}`,
		`{"rotary_emb_base":-1}`, `{"rope_scaling":{"type":"linear"}}`, `{"rope_parameters":{"rope_type":"warp"}}`,
	} {
		if _, err := ParseConfig([]byte(raw)); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}
