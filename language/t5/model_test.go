package t5

import (
	"os"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// kinds are the directories that tools/oracle/t5.py wrote.
var kinds = []string{"v1.0", "v1.1", "flan"}

// openTiny opens a random model that transformers reads too, its tensors parameters.
func openTiny(t testing.TB, kind string) (*Model, *nn.Builder) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + kind + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(weightstest.Open(t, "testdata/"+kind+"/model.safetensors"), nn.BuilderOptions{}).Trainable(true)
	m := New(b, cfg)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range b.Unused() {
		if !strings.HasSuffix(name, "embed_tokens.weight") {
			t.Errorf("nothing reads %s", name)
		}
	}
	return m, b
}

func openExpected(t testing.TB, kind string) weightstest.Golden {
	return weightstest.Open(t, "testdata/"+kind+"/expected.safetensors")
}

// watcher keeps what passes.
type watcher map[string][]float32

func (w watcher) Module(path string, out *tensor.Tensor) { w[path] = slices.Clone(out.Data()) }
func (w watcher) WantsModule(string) bool                { return true }
func (w watcher) WantsMap(string) bool                   { return true }
func (w watcher) Map(path string, p *tensor.Tensor)      { w[path] = slices.Clone(p.Data()) }

// TestAgainstTransformers compares every module's output, the attention's weights, the logits, the loss, and every parameter's
// gradient, on every kernel family.
func TestAgainstTransformers(t *testing.T) {
	for _, kind := range kinds {
		m, b := openTiny(t, kind)
		want := openExpected(t, kind)
		ids, rows, length := want.IDs("input_ids")
		labels, _, written := want.IDs("labels")
		starts := make([]int32, 0, len(labels))
		for r := range rows {
			starts = append(starts, m.cfg.Start)
			for _, id := range labels[r*written : (r+1)*written-1] {
				starts = append(starts, max(0, id))
			}
		}
		for _, e := range kernel.Engines() {
			t.Run(kind+"/"+e.Family().String(), func(t *testing.T) {
				seen := watcher{}
				r := tensor.NewRun(tensor.Options{Engine: e, Grad: true, Observer: seen})
				source := m.Read(r, language.Input{Embeds: m.Embed(r, ids, rows, length), Mask: want.Mask("attention_mask")})
				hidden := m.Forward(r, language.Input{Embeds: m.Embed(r, starts, rows, written), Source: source})
				logits := m.Logits(r, hidden)
				loss := r.CrossEntropy(logits, labels, 0)
				seen["logits"], seen["loss"] = slices.Clone(logits.Data()), slices.Clone(loss.Data())
				for _, p := range b.Params() {
					p.ZeroGrad()
				}
				r.Backward(loss, 1)
				for _, p := range b.Params() {
					seen["grad."+p.Name()] = p.Grad()
				}
				compared := 0
				for _, name := range want.Names() {
					if slices.Contains([]string{"input_ids", "attention_mask", "labels", "prompts", "prompts_mask"}, name) ||
						strings.HasPrefix(name, "case.") || strings.HasPrefix(name, "scores.") {
						continue
					}
					values, _ := want.Floats(name)
					tolerance := 1e-4
					if strings.HasPrefix(name, "grad.") {
						tolerance = 1e-3
					}
					weightstest.Near(t, name, seen[name], values, tolerance, 0)
					compared++
				}
				if compared < 80 {
					t.Errorf("%d tensors were compared", compared)
				}
			})
		}
	}
}

// TestConfig reads what the versions of transformers write.
func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name, json string
		want       func(Config) bool
	}{
		{"nothing", `{}`, func(c Config) bool {
			return c.ScaleOutput && !c.Gated && c.Act == kernel.ReLU && c.Vocab == 32128 && c.Start == 0 && c.DecoderLayers == 6
		}},
		{"gated", `{"feed_forward_proj":"gated-gelu","tie_word_embeddings":false}`, func(c Config) bool {
			return !c.ScaleOutput && c.Gated && c.Act == kernel.GELUTanh
		}},
		{"BLIP-2", `{"feed_forward_proj":"gated-gelu","dense_act_fn":"gelu","tie_word_embeddings":false}`, func(c Config) bool {
			return c.Gated && c.Act == kernel.GELU
		}},
		{"saved again by 5.23", `{"feed_forward_proj":"gated-gelu","tie_word_embeddings":true,"scale_decoder_outputs":false}`, func(c Config) bool {
			return !c.ScaleOutput
		}},
		{"silu", `{"feed_forward_proj":"gated-silu","num_layers":3,"num_decoder_layers":5}`, func(c Config) bool {
			return c.Gated && c.Act == kernel.SiLU && c.EncoderLayers == 3 && c.DecoderLayers == 5
		}},
		{"start", `{"decoder_start_token_id":7,"eos_token_id":[1,9]}`, func(c Config) bool {
			return c.Start == 7 && slices.Equal(c.EOS, []int32{1, 9})
		}},
	} {
		got, err := ParseConfig([]byte(c.json))
		if err != nil || !c.want(got) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	for name, json := range map[string]string{
		"no JSON":        `{`,
		"activation":     `{"feed_forward_proj":"gated-nothing"}`,
		"width":          `{"d_model":-1}`,
		"layers":         `{"num_decoder_layers":99999999}`,
		"buckets":        `{"relative_attention_num_buckets":1}`,
		"far":            `{"relative_attention_max_distance":3}`,
		"start":          `{"decoder_start_token_id":99999}`,
		"epsilon":        `{"layer_norm_epsilon":-1}`,
		"a word for one": `{"d_ff":"wide"}`,
	} {
		if c, err := ParseConfig([]byte(json)); err == nil {
			t.Errorf("%s: no error, %+v", name, c)
		}
	}
}

// TestOneTable binds checkpoints that have either the table of words or the head: it is both, also where the configuration says that they
// are not tied.
func TestOneTable(t *testing.T) {
	f := weightstest.Open(t, "testdata/v1.1/model.safetensors")
	raw, err := os.ReadFile("testdata/v1.1/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(raw)
	if err != nil || cfg.ScaleOutput {
		t.Fatalf("%+v, %v", cfg, err)
	}
	for _, lacks := range []string{"lm_head.weight", "shared.weight"} {
		rest, err := weights.Rename(f, weights.Rule{From: lacks, To: ""})
		if err != nil {
			t.Fatal(err)
		}
		b := nn.NewBuilder(rest, nn.BuilderOptions{})
		if m := New(b, cfg); b.Err() != nil || m.head != m.embed {
			t.Errorf("without %s: %v", lacks, b.Err())
		}
	}
}

// TestCost counts the matrices of the tiny model by hand.
func TestCost(t *testing.T) {
	m, _ := openTiny(t, "v1.1")
	const width, inner, wide, layers = 12, 10, 14, 2
	attention, mlp := 4*width*inner, 3*width*wide
	if got, want := m.Cost().Weights, layers*(attention+2*width*inner+mlp); got != want {
		t.Errorf("%d elements are multiplied to write a token, want %d", got, want)
	}
	if got, want := m.Cost().CacheRow, layers*2*inner; got != want {
		t.Errorf("a token leaves %d elements behind, want %d", got, want)
	}
}

// TestTiedHeadStoredTwice: PyTorch's own files have a tied head beside the embedding. It is one tensor, whose gradient is one; a head that
// differs is a head of its own, whatever the configuration says.
func TestTiedHeadStoredTwice(t *testing.T) {
	src := weightstest.Open(t, "testdata/v1.0/model.safetensors")
	table, ok := src.Lookup("shared.weight")
	if !ok {
		t.Fatal("no table of words")
	}
	raw, err := os.ReadFile("testdata/v1.0/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	values, err := table.Float32()
	if err != nil {
		t.Fatal(err)
	}
	for _, tied := range []bool{true, false} {
		head := slices.Clone(values)
		if !tied {
			head[3]++
		}
		both := weights.Merge(weights.NewMemory(weights.FromFloat32("lm_head.weight", table.Shape, head)), src)
		m := New(nn.NewBuilder(both, nn.BuilderOptions{}).Trainable(true), cfg)
		if got := m.head == m.embed; got != tied {
			t.Errorf("the head is the embedding: %v, want %v", got, tied)
		}
	}
}
