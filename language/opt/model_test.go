package opt

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// kinds are the directories that tools/oracle/opt.py wrote: norms before each part, and behind.
var kinds = []string{"before", "behind"}

// openTiny opens a random model that transformers wrote, its tensors parameters.
func openTiny(t *testing.T, kind string) (*Model, *nn.Builder) {
	t.Helper()
	b := nn.NewBuilder(weightstest.Open(t, "testdata/"+kind+"/model.safetensors"), nn.BuilderOptions{}).Trainable(true)
	m := New(b, openedConfig(t, kind))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if unused := b.Unused(); len(unused) > 0 {
		t.Errorf("tensors that nothing reads: %v", unused)
	}
	return m, b
}

func openedConfig(t *testing.T, kind string) Config {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + kind + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestAgainstTransformers compares every module's output, the loss, and every parameter's gradient.
func TestAgainstTransformers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			m, b := openTiny(t, kind)
			want := weightstest.Open(t, "testdata/"+kind+"/expected.safetensors")
			ids, rows, length := want.IDs("input_ids")
			labels, _, _ := want.IDs("labels")
			got := weightstest.Recorder{}
			r := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true, Observer: got})
			h := m.Forward(r, language.Input{Embeds: m.Embed(r, ids, rows, length), Mask: want.Mask("attention_mask")})
			logits := m.Logits(r, h)
			got["logits"] = logits.Data()
			var targets []int32
			for row := range rows {
				targets = append(append(targets, labels[row*length+1:(row+1)*length]...), -100)
			}
			loss := r.CrossEntropy(r.Reshape(logits, rows*length, logits.Dim(-1)), targets, 0)
			got["loss"] = loss.Data()
			r.Backward(loss, 1)
			for _, p := range b.Params() {
				got["grad."+p.Name()] = p.Grad()
			}
			compared := 0
			for _, name := range want.Names() {
				switch name {
				case "input_ids", "attention_mask", "labels", "prompts", "prompts_mask", "generated":
					continue
				}
				x, _ := want.Floats(name)
				if got[name] == nil {
					t.Errorf("%s was not seen", name)
					continue
				}
				tolerance := 1e-5
				if strings.HasPrefix(name, "grad.") {
					tolerance = 1e-4
				}
				weightstest.Near(t, name, got[name], x, tolerance, 1e-7)
				compared++
			}
			if least := len(b.Params()) + 6; compared < least {
				t.Errorf("compared %d tensors, want %d and more", compared, least)
			}
		})
	}
}

// TestGreedyAgainstTransformers continues prompts of different lengths, together and one at a time.
func TestGreedyAgainstTransformers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			m, _ := openTiny(t, kind)
			want := weightstest.Open(t, "testdata/"+kind+"/expected.safetensors")
			ids, rows, length := want.IDs("prompts")
			mask := want.Mask("prompts_mask")
			next, _, most := want.IDs("generated")
			var prompts [][]int32
			for row := range rows {
				from := row*length + slices.Index(mask[row*length:(row+1)*length], 1)
				prompts = append(prompts, ids[from:(row+1)*length])
			}
			together := decode(t, m, most, prompts...)
			for row, p := range prompts {
				answer := next[row*most : (row+1)*most]
				if end := slices.Index(answer, m.cfg.EOS[0]); end >= 0 {
					answer = answer[:end+1]
				}
				for how, got := range map[string]generate.Result{"together": together[row], "alone": decode(t, m, most, p)[0]} {
					if !slices.Equal(got.Tokens, answer) {
						t.Errorf("prompt %d %s: %v, want %v", row, how, got.Tokens, answer)
					}
				}
			}
		})
	}
}

func decode(t *testing.T, m *Model, most int, prompts ...[]int32) []generate.Result {
	t.Helper()
	d := language.NewDecoder(m, tensor.Options{Compute: kernel.F32})
	if err := d.Read(prompts...); err != nil {
		t.Fatal(err)
	}
	got, err := generate.Run(context.Background(), d, prompts, generate.Options{MaxTokens: most, StopIDs: m.cfg.EOS})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestHook sees that what a hook returns is read.
func TestHook(t *testing.T) {
	m, _ := openTiny(t, "before")
	run := func(factor float32) []float32 {
		r := tensor.NewRun(tensor.Options{Compute: kernel.F32})
		return m.Forward(r, language.Input{
			Embeds: m.Embed(r, []int32{5, 6, 7}, 1, 3),
			Hook: func(r *tensor.Run, layer int, h *tensor.Tensor) *tensor.Tensor {
				if layer == 1 {
					return r.Scale(h, factor)
				}
				return h
			},
		}).Data()
	}
	r := tensor.NewRun(tensor.Options{Compute: kernel.F32})
	plain := m.Forward(r, language.Input{Embeds: m.Embed(r, []int32{5, 6, 7}, 1, 3)}).Data()
	if !slices.Equal(run(1), plain) {
		t.Error("a hook that does nothing changes the output")
	}
	if slices.Equal(run(2), plain) {
		t.Error("what the hook returns is not read")
	}
}

// TestVocabulary opens a checkpoint with more words than its config.json says, as a resized one has.
func TestVocabulary(t *testing.T) {
	src := weightstest.Open(t, "testdata/before/model.safetensors")
	const name = "model.decoder.embed_tokens.weight"
	words := weights.FromFloat32(name, []int{64, 16}, make([]float32, 64*16))
	cfg := openedConfig(t, "before")
	b := nn.NewBuilder(weights.Merge(weights.NewMemory(words), src), nn.BuilderOptions{})
	m := New(b, cfg)
	if err := b.Err(); err != nil || m.Config().Vocab != 64 {
		t.Errorf("%d words, %v", m.Config().Vocab, err)
	}
	cfg.Width = 32
	b = nn.NewBuilder(src, nn.BuilderOptions{})
	New(b, cfg)
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "embed_positions") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a config of another width: %v", err)
	}
}

// TestCost compares what a token takes with the checkpoint's matrices.
func TestCost(t *testing.T) {
	m, b := openTiny(t, "behind")
	matrices := 0
	for _, p := range b.Params() {
		if len(p.Shape()) == 2 && !strings.Contains(p.Name(), "embed_") {
			matrices += p.Len()
		}
	}
	c := m.Cost()
	if c.Weights != matrices || c.Bytes != 4*matrices || c.Head != 40*12 || c.CacheRow != 2*2*16 || c.Attention != 2*16 {
		t.Errorf("%+v, the blocks have %d elements", c, matrices)
	}
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"vocab_size": 50304, "hidden_size": 2560, "eos_token_id": 50118, "num_attention_heads": 32, "prefix": null}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.WordWidth != 2560 || !c.NormBefore || !c.LastNorm || !c.Tied || !c.Bias || c.EOS[0] != 50118 || c.BOS != 2 || c.Pad != 1 || c.Context != 2048 ||
		c.Act != kernel.ReLU {
		t.Errorf("read %+v", c)
	}
	for name, data := range map[string]string{
		"not JSON":         `{`,
		"plain norms":      `{"layer_norm_elementwise_affine": false}`,
		"activation":       `{"activation_function": "mish"}`,
		"no heads":         `{"num_attention_heads": 0}`,
		"uneven heads":     `{"num_attention_heads": 7}`,
		"negative":         `{"num_hidden_layers": -3}`,
		"huge":             `{"hidden_size": 1000000000}`,
		"no words":         `{"word_embed_proj_dim": 0}`,
		"negative context": `{"max_position_embeddings": -2}`,
	} {
		if _, err := ParseConfig([]byte(data)); err == nil || !strings.HasPrefix(err.Error(), "opt: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzConfig binds the tiny checkpoint to whatever a configuration says: an error, or a model that runs.
func FuzzConfig(f *testing.F) {
	for _, kind := range kinds {
		raw, err := os.ReadFile("testdata/" + kind + "/config.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"num_hidden_layers": 16000000, "hidden_size": 16000000, "ffn_dim": 1}`))
	src, err := weights.Open("testdata/before/model.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseConfig(raw)
		if err != nil {
			return
		}
		b := nn.NewBuilder(src, nn.BuilderOptions{})
		m := New(b, c)
		if b.Err() != nil {
			return
		}
		r := tensor.NewRun(tensor.Options{})
		h := m.Forward(r, language.Input{Embeds: m.Embed(r, []int32{5, 6}, 1, 2)})
		if got := m.Logits(r, h).Dim(-1); got != 40 {
			t.Errorf("logits for %d words", got)
		}
	})
}
