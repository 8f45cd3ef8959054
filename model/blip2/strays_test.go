package blip2

import (
	"path/filepath"
	"strings"
	"testing"

	"dragoman/weights"
)

// TestStrays: a configuration that has fewer layers than its checkpoint, or less in them, contradicts it.
func TestStrays(t *testing.T) {
	for _, tt := range []struct {
		dir, part, key string
		value          any
		want           string
	}{
		{"blip2-opt", "vision_config", "num_hidden_layers", 1, "tensor vision_model.encoder.layers.1.layer_norm1.bias: config.json has no place for it, nor for 11 more"},
		{"blip2-opt", "vision_config", "qkv_bias", false, "tensor vision_model.encoder.layers.0.self_attn.qkv.bias: config.json has no place for it, nor for 1 more"},
		{"blip2-opt", "qformer_config", "cross_attention_frequency", 3, "tensor qformer.encoder.layer.2.crossattention."},
		{"blip2-opt", "text_config", "num_hidden_layers", 1, "tensor language_model.model.decoder.layers.1."},
		{"blip2-llama", "text_config", "num_hidden_layers", 1, "tensor language_model.model.layers.1."},
		{"blip2-t5", "text_config", "num_layers", 1, "tensor language_model.encoder.block.1."},
		{"blip2-t5", "text_config", "num_decoder_layers", 1, "tensor language_model.decoder.block.1."},
		{"blip2-itm", "qformer_config", "num_hidden_layers", 2, "tensor qformer.encoder.layer.2."},
		{"instructblip", "qformer_config", "num_hidden_layers", 1, "tensor qformer.encoder.layer.1."},
	} {
		m, err := Open(variant(t, "../../testdata/"+tt.dir, func(c map[string]any) { c[tt.part].(map[string]any)[tt.key] = tt.value }), Options{Pixels: true})
		if err == nil {
			m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), ".safetensors: ") {
			t.Errorf("%s: %s.%s %v: %v, want %q", tt.dir, tt.part, tt.key, tt.value, err, tt.want)
		}
	}
}

// TestNoStrays: what old files have in their layers that nobody reads is no contradiction.
func TestNoStrays(t *testing.T) {
	for dir, names := range map[string][]string{
		"blip2-llama": {"language_model.model.layers.0.self_attn.rotary_emb.inv_freq", "qformer.encoder.layer.0.intermediate.dense.weight", "qformer.encoder.layer.0.output.LayerNorm.weight"},
		"blip2-t5":    {"language_model.decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight", "vision_model.embeddings.position_ids"},
	} {
		at := variant(t, "../../testdata/"+dir, func(map[string]any) {})
		src := openFile(t, "../../testdata/"+dir+"/model.safetensors")
		var tensors []weights.Tensor
		for _, n := range src.Names() {
			w, _ := src.Lookup(n)
			tensors = append(tensors, w)
		}
		for _, n := range names {
			tensors = append(tensors, weights.FromFloat32(n, []int{1}, []float32{1}))
		}
		if err := weights.WriteSafetensors(filepath.Join(at, "model.safetensors"), tensors, nil); err != nil {
			t.Fatal(err)
		}
		m, err := Open(at, Options{})
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
