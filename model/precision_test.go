package model

import (
	"testing"

	"dragoman/kernel"
	"dragoman/weights"
)

func TestPrecision(t *testing.T) {
	const vision, word, bridge = "vision_model.encoder.layers.0.mlp.fc1.weight", "language_model.model.decoder.embed_tokens.weight", "qformer.encoder.layer.0.attention.attention.query.weight"
	some := func(d kernel.DType) Precision { return Precision{Some: true, Matrices: d} }
	auto := Precision{Some: true, Wide: true, Matrices: kernel.BF16}
	for _, c := range []struct {
		p     Precision
		name  string
		from  weights.Type
		shape []int
		want  string // "": stays
	}{
		{Precision{}, vision, weights.F32, []int{64, 64}, ""},
		{some(kernel.BF16), vision, weights.F32, []int{64, 64}, "bf16"},
		{some(kernel.BF16), vision, weights.F16, []int{64, 64}, ""}, // no larger than it was
		{some(kernel.BF16), bridge, weights.F32, []int{64, 64}, "bf16"},
		{some(kernel.Q8_0), vision, weights.BF16, []int{64, 64}, "q8_0"},
		{some(kernel.Q8_0), vision, weights.Q4_0, []int{64, 64}, ""},
		{some(kernel.Q8_0), vision, weights.F32, []int{64, 40}, "bf16"}, // no whole blocks
		{some(kernel.Q8_0), vision, weights.F32, []int{64}, ""},
		{some(kernel.Q8_0), bridge, weights.F32, []int{64, 64}, "bf16"},
		{some(kernel.Q4_0), bridge, weights.BF16, []int{64, 64}, ""},
		{some(kernel.Q4_0), word, weights.F32, []int{64, 64}, "q8_0"},
		{some(kernel.Q4_0), "language_model.lm_head.weight", weights.F16, []int{64, 64}, "q8_0"},
		{some(kernel.Q4_1), "language_model.model.layers.1.mlp.up_proj.weight", weights.Q8_0, []int{64, 64}, "q4_1"},
		{some(kernel.Q4_0), "language_model.model.decoder.embed_positions.weight", weights.F32, []int{64, 64}, ""},
		{some(kernel.Q8_0), "language_model.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", weights.F32, []int{32, 32}, ""},
		{some(kernel.Q4_0), "language_model.transformer.wte.weight", weights.F32, []int{64, 64}, "q8_0"},
		{some(kernel.Q4_0), "language_model.gpt_neox.layers.0.attention.dense.weight", weights.F32, []int{64, 64}, "q4_0"},
		{some(kernel.Q4_0), "lang_encoder.gpt_neox.layers.0.gated_cross_attn_layer.ff.1.weight", weights.F32, []int{64, 64}, "q8_0"},
		{some(kernel.Q4_0), "perceiver.layers.0.0.to_q.weight", weights.F32, []int{64, 64}, "bf16"},
		{some(kernel.BF16), "itm_head.weight", weights.F32, []int{2, 64}, ""},
		{auto, vision, weights.F32, []int{64, 64}, "bf16"},
		{auto, vision, weights.F16, []int{64, 64}, ""},
		{auto, vision, weights.Q8_0, []int{64, 64}, ""},
		{auto, vision, weights.Q6_K, []int{64, 256}, "q8_0"},
		{Precision{Some: true, Wide: true, Matrices: kernel.F32}, vision, weights.F32, []int{64, 64}, ""},
	} {
		got := ""
		if d, ok := c.p.Store(weights.Tensor{Name: c.name, Type: c.from, Shape: c.shape}); ok {
			got = d.String()
		}
		if got != c.want {
			t.Errorf("%+v: %s %v %v becomes %q, want %q", c.p, c.name, c.from, c.shape, got, c.want)
		}
	}
}

// TestPrecisionOfLanguageAlone: the names of a language model by itself do not make it a bridge.
func TestPrecisionOfLanguageAlone(t *testing.T) {
	p := Precision{Some: true, Matrices: kernel.Q4_0}
	for name, want := range map[string]kernel.DType{"model.decoder.layers.0.fc1.weight": kernel.Q4_0, "lm_head.weight": kernel.Q8_0} {
		if d, ok := p.StoreLanguage(weights.Tensor{Name: name, Type: weights.F32, Shape: []int{64, 64}}); !ok || d != want {
			t.Errorf("%s becomes %v, want %v", name, d, want)
		}
	}
}
