package llama

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"vocab_size": 32001, "num_key_value_heads": 8, "eos_token_id": [1, 2], "pad_token_id": null,
		"rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}, "tie_word_embeddings": true}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Vocab != 32001 || c.Width != 4096 || c.KVHeads != 8 || c.HeadDim != 128 || c.Rope != (tensor.Rope{Dim: 128, Base: 500000}) ||
		!c.Tied || c.Pad != -1 || len(c.EOS) != 2 || c.Act != kernel.SiLU || c.Eps != 1e-6 {
		t.Errorf("read %+v", c)
	}
	for name, data := range map[string]string{
		"not JSON":        `{`,
		"scaled rotation": `{"rope_scaling": {"type": "warp", "factor": 2}}`,
		"short factors":   `{"rope_scaling": {"type": "longrope", "factor": 2, "short_factor": [1], "long_factor": [1]}}`,
		"no factor":       `{"rope_scaling": {"type": "linear"}}`,
		"llama 3":         `{"rope_parameters": {"rope_type": "llama3", "factor": 8}}`,
		"partial":         `{"rope_parameters": {"partial_rotary_factor": 0.5}}`,
		"activation":      `{"hidden_act": "mish"}`,
		"no heads":        `{"num_attention_heads": 0}`,
		"uneven heads":    `{"num_key_value_heads": 5}`,
		"negative":        `{"num_hidden_layers": -3}`,
		"huge":            `{"hidden_size": 1000000000}`,
		"odd head":        `{"head_dim": 7}`,
		"no rotation":     `{"rope_theta": -1}`,
	} {
		if _, err := ParseConfig([]byte(data)); err == nil || !strings.HasPrefix(err.Error(), "llama: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGGUFConfig reads metadata that lacks or contradicts what a model needs.
func TestGGUFConfig(t *testing.T) {
	good := func() weights.Meta {
		return weights.Meta{
			"general.architecture": "llama", "llama.embedding_length": uint64(64), "llama.feed_forward_length": uint64(128),
			"llama.block_count": uint64(2), "llama.attention.head_count": uint64(4), "llama.context_length": uint64(99),
		}
	}
	src := weights.NewMemory(weights.FromFloat32("token_embd.weight", []int{7, 64}, make([]float32, 7*64)))
	c, err := GGUFConfig(good(), src)
	if err != nil {
		t.Fatal(err)
	}
	if c.Vocab != 7 || c.KVHeads != 4 || c.HeadDim != 16 || !c.Rope.Interleaved || c.Rope.Dim != 16 || !c.Tied || c.BOS != -1 {
		t.Errorf("read %+v", c)
	}
	for name, spoil := range map[string]func(weights.Meta){
		"architecture": func(m weights.Meta) { m["general.architecture"] = "gpt2" },
		"no blocks":    func(m weights.Meta) { delete(m, "llama.block_count") },
		"text":         func(m weights.Meta) { m["llama.embedding_length"] = "wide" },
		"scaled":       func(m weights.Meta) { m["llama.rope.scaling.type"] = "yarn" },
		"heads":        func(m weights.Meta) { m["llama.attention.head_count"] = uint64(1 << 40) },
	} {
		m := good()
		spoil(m)
		if _, err := GGUFConfig(m, src); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := GGUFConfig(good(), weights.NewMemory()); err == nil {
		t.Error("without an embedding: no error")
	}
}

// TestGGUFRotation: a file whose rotations are slowed by a table is refused, unless the table changes nothing.
func TestGGUFRotation(t *testing.T) {
	meta := weights.Meta{
		"general.architecture": "llama", "llama.embedding_length": uint64(4), "llama.feed_forward_length": uint64(4),
		"llama.block_count": uint64(1), "llama.attention.head_count": uint64(1), "llama.context_length": uint64(9),
	}
	for factor, refused := range map[float32]bool{1: false, 8: true} {
		path := filepath.Join(t.TempDir(), "m.gguf")
		tensors := []weights.Tensor{
			weights.FromFloat32("token_embd.weight", []int{2, 4}, make([]float32, 8)),
			weights.FromFloat32("rope_freqs.weight", []int{2}, []float32{1, factor}),
		}
		if err := weights.WriteGGUF(path, tensors, meta); err != nil {
			t.Fatal(err)
		}
		_, err := FromGGUF(open(t, path), "", nn.BuilderOptions{}) // there are no blocks, which is another error
		if err == nil || strings.Contains(err.Error(), "rope_freqs.weight is not supported") != refused {
			t.Errorf("factor %v: %v", factor, err)
		}
	}
}

// TestMisshapen gives a model a tensor of another shape: an error that names it, not a panic.
func TestMisshapen(t *testing.T) {
	data, err := os.ReadFile("testdata/tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	const name = "model.layers.1.mlp.up_proj.weight"
	src := weights.Merge(
		weights.NewMemory(weights.FromFloat32(name, []int{3, 32}, make([]float32, 96))),
		open(t, "testdata/tiny/model.safetensors"),
	)
	b := nn.NewBuilder(src, nn.BuilderOptions{})
	New(b, cfg)
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a misshapen tensor: %v", err)
	}
}
