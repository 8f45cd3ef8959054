package blip2

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
	"dragoman/weights"
)

// captioner is a checkpoint that tools/oracle/blip2.py wrote, with its inputs and what transformers makes of them.
type captioner struct {
	*Model
	in, want weights.Source
	pixels   *tensor.Tensor
	prompts  [][]int32 // input_ids without placeholders and padding
	captions [][]int32 // labels that count
}

func openCaptioner(t *testing.T, name, dir string) *captioner {
	t.Helper()
	m, err := Open(dir, Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	from := "../../testdata/" + name
	o := &captioner{Model: m, in: openFile(t, from+"/inputs.safetensors"), want: openFile(t, from+"/expected.safetensors")}
	values := func(name string) ([]float32, []int) {
		w, ok := o.in.Lookup(name)
		if !ok {
			t.Fatalf("%s has no %s", from, name)
		}
		x, err := w.Float32()
		if err != nil {
			t.Fatal(err)
		}
		return x, w.Shape
	}
	x, shape := values("pixel_values")
	o.pixels = tensor.FromFloats(x, shape...)
	ids, shape := values("input_ids")
	mask, _ := values("attention_mask")
	labels, labelShape := values("labels")
	_, apart := m.Language.(language.Reader)
	for r := range shape[0] {
		var prompt, caption []int32
		for i := r * shape[1]; i < (r+1)*shape[1]; i++ {
			labelled := !apart && labels[i] >= 0
			if mask[i] != 0 && ids[i] < float32(m.Language.Config().Vocab-1) && !labelled {
				prompt = append(prompt, int32(ids[i]))
			}
		}
		for _, id := range labels[r*labelShape[1] : (r+1)*labelShape[1]] {
			if id >= 0 {
				caption = append(caption, int32(id))
			}
		}
		o.prompts, o.captions = append(o.prompts, prompt), append(o.captions, caption)
	}
	return o
}

func (o *captioner) expect(t *testing.T, name string) ([]float32, []int) {
	t.Helper()
	w, ok := o.want.Lookup(name)
	if !ok {
		t.Fatalf("nothing is recorded of %s", name)
	}
	x, err := w.Float32()
	if err != nil {
		t.Fatal(err)
	}
	return x, w.Shape
}

// legacy copies a checkpoint's directory with a configuration that names no image token, as the first releases had it.
func legacy(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "config.json" {
			was := len(raw)
			if raw = bytes.ReplaceAll(raw, []byte(`"image_token_index": 43,`), nil); len(raw) == was {
				t.Fatal("the configuration names no image token to begin with")
			}
		}
		if err := os.WriteFile(filepath.Join(to, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestGenerateAgainstTransformers compares what an encoder-decoder model says behind the bridge, pictures together and one at a time,
// with and without a prompt, under both generations of configurations.
func TestGenerateAgainstTransformers(t *testing.T) {
	const dir = "../../testdata/blip2-t5"
	for generation, dir := range map[string]string{"image token": dir, "no image token": legacy(t, dir)} {
		o := openCaptioner(t, "blip2-t5", dir)
		run := tensor.NewRun(tensor.Options{})
		soft := o.Soft(run, o.See(run, o.pixels))
		words := soft.Len() / 2
		d := language.NewDecoder(o.Language, tensor.Options{})
		empty := [][]int32{o.PromptIDs(""), o.PromptIDs("")}
		for _, c := range []struct {
			name    string
			prompts [][]int32
			options generate.Options
		}{
			{"greedy", o.prompts, generate.Options{}},
			{"captions", empty, generate.Options{}},
			{"beams", o.prompts, generate.Options{Beams: 3, LengthPenalty: -1}},
			{"penalised", o.prompts, generate.Options{RepetitionPenalty: 1.7, MinTokens: 5}},
		} {
			c.options.MaxTokens = 9
			want, shape := o.expect(t, "generated."+c.name)
			compare := func(how string, row int, got generate.Result) {
				ids := []float32{0}
				for _, id := range got.Tokens {
					ids = append(ids, float32(id))
				}
				if w := want[row*shape[1] : (row+1)*shape[1]]; !slices.Equal(ids, w) {
					t.Errorf("%s, %s, picture %d %s: %v, want %v", generation, c.name, row, how, ids, w)
				}
			}
			d.Reset()
			together, err := o.Write(context.Background(), d, soft, c.prompts, c.options)
			if err != nil {
				t.Fatal(err)
			}
			for row := range together {
				compare("together", row, together[row])
				d.Reset()
				one := tensor.FromFloats(soft.Data()[row*words:(row+1)*words], 1, soft.Dim(1), soft.Dim(2))
				alone, err := o.Write(context.Background(), d, one, c.prompts[row:row+1], c.options)
				if err != nil {
					t.Fatal(err)
				}
				compare("alone", row, alone[0])
			}
		}
	}
}

// TestPlaceholdersCount generates under a penalty that favours what was there before, and where a phrase is forbidden that begins before
// the prompt: the queries' placeholders are there, in transformers, all of them.
func TestPlaceholdersCount(t *testing.T) {
	o := openCaptioner(t, "blip2-llama", "../../testdata/blip2-llama")
	run := tensor.NewRun(tensor.Options{})
	soft := o.Soft(run, o.See(run, o.pixels))
	words := soft.Len() / 2
	second := tensor.FromFloats(soft.Data()[words:], 1, soft.Dim(1), soft.Dim(2))
	for _, name := range []string{"generated.favoured", "generated.phrase"} {
		want, _ := o.expect(t, name)
		ids := make([]int32, len(want))
		for i, v := range want {
			ids[i] = int32(v)
		}
		const read = 7 // placeholders and prompt
		got, err := o.Write(context.Background(), language.NewDecoder(o.Language, tensor.Options{}), second, [][]int32{ids[soft.Dim(1):read]},
			generate.Options{MaxTokens: 8, RepetitionPenalty: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[0].Tokens, ids[read:]) {
			t.Errorf("%s: %v, want %v", name, got[0].Tokens, ids[read:])
		}
		if !slices.Contains(ids[read:], o.Config.ImageID) {
			t.Errorf("%s: no placeholder is favoured: the test shows nothing", name)
		}
		o.Rules.Phrases = [][]int32{slices.Clone(ids[2 : read+1])} // two placeholders, the prompt, and what was written behind them
	}
}

// TestStage2AgainstTransformers compares the second stage's loss and its gradients with those of transformers' forward, for a
// decoder-only and an encoder-decoder model.
func TestStage2AgainstTransformers(t *testing.T) {
	for _, name := range []string{"blip2-llama", "blip2-t5"} {
		o := openCaptioner(t, name, "../../testdata/"+name)
		for _, e := range kernel.Engines() {
			run := tensor.NewRun(tensor.Options{Grad: true, Engine: e})
			s := o.See(run, o.pixels)
			loss := o.Stage2(run, s.Answer, s.View, o.prompts, o.captions)
			want, _ := o.expect(t, "loss")
			near(t, name+": loss", loss.Data(), want, 1e-4)
			for _, p := range o.Params() {
				p.ZeroGrad()
			}
			run.Backward(loss, 1)
			compared := 0
			for _, p := range o.Params() {
				if w, ok := o.want.Lookup("grad." + p.Name()); ok {
					g, err := w.Float32()
					if err != nil {
						t.Fatal(err)
					}
					near(t, name+": "+p.Name(), p.Grad(), g, 1e-3)
					compared++
				}
			}
			if compared < 3 {
				t.Errorf("%s: %d gradients were compared", name, compared)
			}
		}
	}
}

// TestGenerationRules: what generation_config.json forbids holds for what the model writes, as with transformers' generate.
func TestGenerationRules(t *testing.T) {
	dir := variant(t, "../../testdata/blip2-opt", func(map[string]any) {})
	said := func() []int32 {
		o := openCaptioner(t, "blip2-opt", dir)
		run := tensor.NewRun(tensor.Options{Compute: kernel.F32})
		soft := o.Soft(run, o.See(run, o.pixels))
		got, err := o.Write(context.Background(), language.NewDecoder(o.Language, tensor.Options{Compute: kernel.F32}), soft, o.prompts, generate.Options{MaxTokens: 6})
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Tokens
	}
	before := said()
	raw, err := json.Marshal(map[string]any{"eos_token_id": 202, "suppress_tokens": before[:1], "bad_words_ids": [][]int32{{before[1]}}, "no_repeat_ngram_size": 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "generation_config.json"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	after := said()
	if slices.Contains(after, before[0]) || slices.Contains(after, before[1]) || len(slices.Compact(slices.Sorted(slices.Values(after)))) != len(after) {
		t.Errorf("writes %v, without rules %v", after, before)
	}
}

// TestNoPrompt: nothing at all is the token that begins a text by the configuration; an empty text that somebody gave is what the tokenizer
// makes of it.
func TestNoPrompt(t *testing.T) {
	for from, want := range map[string][2][]int32{"blip2-t5": {{5}, {1}}, "instructblip-t5": {{1}, {1}}, "blip2-llama": {{5}, {5}}} {
		m, err := Open(variant(t, "../../testdata/"+from, func(c map[string]any) { c["text_config"].(map[string]any)["bos_token_id"] = 5 }), Options{Pixels: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if got := [2][]int32{m.PromptIDs(""), m.ReadIDs("")}; !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
			t.Errorf("%s: %v, want %v", from, got, want)
		}
	}
}

// TestGenerationStart: what is written begins as generation_config.json says, what is learnt from as config.json does.
func TestGenerationStart(t *testing.T) {
	dir := variant(t, "../../testdata/blip2-t5", func(map[string]any) {})
	for raw, begin := range map[string]int32{`{"decoder_start_token_id": 7}`: 7, `{"eos_token_id": 1}`: 0, `{"decoder_start_token_id": 700}`: -1} {
		if err := os.WriteFile(filepath.Join(dir, "generation_config.json"), []byte(raw), 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := Open(dir, Options{})
		if begin < 0 {
			if err == nil {
				t.Errorf("%s: opens", raw)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		before := m.Before(language.NewDecoder(m.Language, tensor.Options{}), [][]int32{{3}})
		if c := m.Language.Config(); c.Start != 0 || before[0][0] != begin {
			t.Errorf("%s: begins with %d, learns behind %d", raw, before[0][0], c.Start)
		}
	}
}
