package weights

import (
	"slices"
	"testing"
)

func lavisNames(t *testing.T, names ...string) Source {
	t.Helper()
	src := Memory{}
	for _, n := range names {
		src[n] = numbered(n, 2)
	}
	if !IsLAVIS(src) {
		t.Fatalf("not taken for LAVIS's: %v", names)
	}
	shown, err := LAVIS(src)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// TestLAVISNames has each kind of name of the released files.
func TestLAVISNames(t *testing.T) {
	const query = "Qformer.bert.encoder.layer.0.attention.self.query.weight"
	for _, c := range []struct{ in, want []string }{
		{
			[]string{
				query, "query_tokens", "ln_vision.weight", "opt_proj.bias", "Qformer.bert.embeddings.position_ids", "Qformer.bert.embeddings.LayerNorm.weight",
				"Qformer.bert.encoder.layer.0.attention.output.LayerNorm.weight", "Qformer.bert.encoder.layer.2.crossattention.self.key.bias",
				"Qformer.bert.encoder.layer.2.crossattention.output.dense.bias", "Qformer.bert.encoder.layer.1.output_query.dense.weight",
			},
			[]string{
				"language_projection.bias", "qformer.encoder.layer.0.attention.attention.query.weight", "qformer.encoder.layer.0.attention.output.LayerNorm.weight",
				"qformer.encoder.layer.1.output_query.dense.weight", "qformer.encoder.layer.2.crossattention.attention.key.bias",
				"qformer.encoder.layer.2.crossattention.output.dense.bias", "qformer.layernorm.weight", "query_tokens", "vision_model.post_layernorm.weight",
			},
		},
		{ // the first stage's: the text beside the Q-Former
			[]string{query, "vision_proj.weight", "text_proj.bias", "itm_head.weight", "temp", "Qformer.bert.embeddings.word_embeddings.weight", "Qformer.cls.predictions.bias", "Qformer.bert.embeddings.LayerNorm.bias"},
			[]string{"cls.predictions.bias", "embeddings.word_embeddings.weight", "itm_head.weight", "qformer.encoder.layer.0.attention.attention.query.weight", "qformer.layernorm.bias", "temp", "text_projection.bias", "vision_projection.weight"},
		},
		{ // InstructBLIP's: inside of it
			[]string{query, "t5_proj.weight", "Qformer.bert.embeddings.word_embeddings.weight", "Qformer.bert.embeddings.LayerNorm.bias"},
			[]string{"language_projection.weight", "qformer.embeddings.layernorm.bias", "qformer.embeddings.word_embeddings.weight", "qformer.encoder.layer.0.attention.attention.query.weight"},
		},
		{ // the encoder by itself
			[]string{
				"cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.norm1.bias", "blocks.0.attn.q_bias", "blocks.0.attn.v_bias", "blocks.0.attn.qkv.weight",
				"blocks.0.attn.proj.bias", "blocks.0.mlp.fc1.weight",
			},
			[]string{
				"vision_model.embeddings.class_embedding", "vision_model.embeddings.patch_embedding.weight", "vision_model.embeddings.position_embedding",
				"vision_model.encoder.layers.0.layer_norm1.bias", "vision_model.encoder.layers.0.mlp.fc1.weight", "vision_model.encoder.layers.0.self_attn.projection.bias",
				"vision_model.encoder.layers.0.self_attn.qkv.bias", "vision_model.encoder.layers.0.self_attn.qkv.weight",
			},
		},
	} {
		shown := lavisNames(t, c.in...)
		if got := slices.Sorted(slices.Values(shown.Names())); !slices.Equal(got, c.want) {
			t.Errorf("shown as\n%q, want\n%q", got, c.want)
		}
	}
}

// TestLAVISBiases joins what the encoder stores of its biases.
func TestLAVISBiases(t *testing.T) {
	src := Memory{
		"cls_token":                numbered("cls_token", 1),
		"blocks.0.attn.qkv.weight": numbered("blocks.0.attn.qkv.weight", 6, 2),
		"blocks.0.attn.q_bias":     FromFloat32("blocks.0.attn.q_bias", []int{2}, []float32{1, 2}),
		"blocks.0.attn.v_bias":     FromFloat32("blocks.0.attn.v_bias", []int{2}, []float32{3, 4}),
	}
	shown, err := LAVIS(src)
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, shown, "vision_model.encoder.layers.0.self_attn.qkv.bias", []int{6}, []float32{1, 2, 0, 0, 3, 4})
	delete(src, "blocks.0.attn.v_bias")
	if _, err := LAVIS(src); err == nil {
		t.Error("a query bias without a value bias was taken")
	}
	if IsLAVIS(Memory{"qformer.layernorm.weight": numbered("x", 1)}) {
		t.Error("transformers' names were taken for LAVIS's")
	}
}
