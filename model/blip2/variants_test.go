package blip2

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
	"dragoman/weights"
)

// variant is a copy of a model's directory whose config.json was changed, and without the named files.
func variant(t *testing.T, from string, change func(config map[string]any), without ...string) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || slices.Contains(without, e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == "config.json" {
			config := map[string]any{}
			if err := json.Unmarshal(b, &config); err != nil {
				t.Fatal(err)
			}
			change(config)
			if b, err = json.Marshal(config); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestMatchingVariants: a matching model whose config.json names an image token takes texts with placeholders in front, or without; and
// an early release spelt that there is a text stream otherwise, or not at all.
func TestMatchingVariants(t *testing.T) {
	const dir, queries, imageID = "../../testdata/blip2-itm", 4, 22
	in, want := openFile(t, dir+"/inputs.safetensors"), openFile(t, dir+"/expected.safetensors")
	wider := func(name string, fill float32) weights.Tensor {
		w, _ := in.Lookup(name)
		x, err := w.Float32()
		if err != nil {
			t.Fatal(err)
		}
		rows, length := w.Shape[0], w.Shape[1]
		var out []float32
		for r := range rows {
			out = append(append(out, fill, fill, fill, fill), x[r*length:(r+1)*length]...)
		}
		return weights.FromFloat32(name, []int{rows, queries + length}, out)
	}
	placeholders := weights.Merge(weights.NewMemory(wider("input_ids", imageID), wider("attention_mask", 1)), in)
	qformer := func(c map[string]any) map[string]any { return c["qformer_config"].(map[string]any) }
	for name, tt := range map[string]struct {
		change func(map[string]any)
		inputs weights.Source
	}{
		"image token, placeholders": {func(c map[string]any) { c["image_token_index"] = imageID }, placeholders},
		"image token, text alone":   {func(c map[string]any) { c["image_token_index"] = imageID }, in},
		"image token by its new name": {func(c map[string]any) {
			delete(c, "image_token_index")
			c["image_token_id"] = imageID
		}, placeholders},
		"an early spelling": {func(c map[string]any) {
			delete(qformer(c), "use_qformer_text_input")
			qformer(c)["qformer_text_input"] = true
		}, in},
		"text stream not mentioned": {func(c map[string]any) { delete(qformer(c), "use_qformer_text_input") }, in},
		"another vocabulary size":   {func(c map[string]any) { qformer(c)["vocab_size"] = 30522 }, in},
		"features of another width": {func(c map[string]any) { qformer(c)["encoder_hidden_size"] = 1408 }, in},
	} {
		m, err := Open(variant(t, dir, tt.change), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer m.Close()
		for head, output := range map[string]string{"itm": "itm_logits", "itc": "logits_per_image"} {
			out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: tt.inputs, Head: head, Select: func(n string) bool { return n == output }})
			if err != nil || len(out) != 1 {
				t.Errorf("%s: %s: %d tensors, %v", name, head, len(out), err)
				continue
			}
			w, _ := want.Lookup(output)
			a, _ := out[0].Float32()
			b, _ := w.Float32()
			near(t, name+": "+output, a, b, 1e-4)
		}
	}
}

// TestPlaceholdersAstray: placeholders whose id has no row of an embedding, where no query stands for them, are an error.
func TestPlaceholdersAstray(t *testing.T) {
	const words = 21 // of the Q-Former
	inside := func(name string, at int, id float32) func(weights.Source) weights.Source {
		return func(in weights.Source) weights.Source {
			w, _ := in.Lookup(name)
			x, err := w.Float32()
			if err != nil {
				t.Fatal(err)
			}
			x = slices.Clone(x)
			x[at] = id
			return weights.Merge(weights.NewMemory(weights.FromFloat32(name, w.Shape, x)), in)
		}
	}
	for name, tt := range map[string]struct {
		dir, head string
		imageID   int
		change    func(weights.Source) weights.Source
		err       string
	}{
		"matching":                   {"blip2-itm", "itm", words, inside("input_ids", 2, words), "input_ids: 21 is not among 21 tokens"},
		"comparing":                  {"blip2-itm", "itc", words, inside("input_ids", 2, words), "input_ids: 21 is not among 21 tokens"},
		"in an instruction":          {"instructblip", "", 64, inside("qformer_input_ids", 2, 64), "qformer_input_ids: 64 is not among 21 tokens"},
		"without a picture":          {"blip2-llama", "", 50, func(in weights.Source) weights.Source { return textAlone(t, inside("input_ids", 2, 50)(in)) }, "input_ids: 50 is not among 50 tokens"},
		"without a picture, a token": {"blip2-llama", "", 49, func(in weights.Source) weights.Source { return textAlone(t, in) }, ""},
	} {
		dir := "../../testdata/" + tt.dir
		m, err := Open(variant(t, dir, func(c map[string]any) { c["image_token_index"] = tt.imageID }), Options{Pixels: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer m.Close()
		_, err = m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: tt.change(openFile(t, dir+"/inputs.safetensors")), Head: tt.head})
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != "trace: "+tt.err) {
			t.Errorf("%s: %v, want %q", name, err, tt.err)
		}
	}
}

// TestInstructionOfPlaceholders: an instruction that begins with the placeholder's id begins with a word of the Q-Former's, which has a
// vocabulary of its own.
func TestInstructionOfPlaceholders(t *testing.T) {
	const imageID = 2 // [CLS], too
	in, want := openFile(t, instructed+"/inputs.safetensors"), openFile(t, instructed+"/expected.safetensors")
	w, _ := in.Lookup("input_ids")
	ids, err := w.Float32()
	if err != nil {
		t.Fatal(err)
	}
	moved := make([]float32, len(ids))
	for i, id := range ids {
		switch moved[i] = id; id {
		case imageID:
			moved[i] = 3
		case ids[0]:
			moved[i] = imageID
		}
	}
	m, err := Open(variant(t, instructed, func(c map[string]any) { c["image_token_index"] = imageID }), Options{Pixels: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{
		Inputs: weights.Merge(weights.NewMemory(weights.FromFloat32("input_ids", w.Shape, moved)), in),
		Select: func(n string) bool { return n == "qformer" },
	})
	if err != nil {
		t.Fatal(err)
	}
	sameAsRecorded(t, "", out, want, 1)
}

// textAlone is the input_ids of inputs.
func textAlone(t *testing.T, in weights.Source) weights.Source {
	t.Helper()
	w, ok := in.Lookup("input_ids")
	if !ok {
		t.Fatal("there are no input_ids")
	}
	return weights.NewMemory(w)
}

// TestPlaceholderInText: a text that spells the placeholder's name, which has an id beyond the embeddings, is read without it.
func TestPlaceholderInText(t *testing.T) {
	const dir = "../../testdata/blip2-itm"
	raw, err := os.ReadFile(dir + "/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	var j map[string]any
	if err := json.Unmarshal(raw, &j); err != nil {
		t.Fatal(err)
	}
	j["added_tokens"] = append(j["added_tokens"].([]any), map[string]any{
		"id": 21, "content": "<image>", "special": true, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false,
	})
	if raw, err = json.Marshal(j); err != nil {
		t.Fatal(err)
	}
	from := variant(t, dir, func(map[string]any) {})
	if err := os.WriteFile(filepath.Join(from, "tokenizer.json"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := Open(from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if id, ok := m.Words.ID("<image>"); !ok || int(id) != m.Config.QFormer.Vocab {
		t.Fatalf("the placeholder is %d of %d words", id, m.Config.QFormer.Vocab)
	}
	if got, want := m.TextIDs("a <image> cat", 20), m.TextIDs("a cat", 20); !slices.Equal(got, want) {
		t.Errorf("read as %v, want %v", got, want)
	}
}

// TestContradictions changes a configuration so that it is not that of its tensors, and takes files away: one line says what is wrong.
func TestContradictions(t *testing.T) {
	part := func(name, key string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name].(map[string]any)[key] = value }
	}
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		without []string
		want    string
	}{
		"language model's width":  {change: part("text_config", "hidden_size", 32), want: "language_model.model.decoder."},
		"more layers":             {change: part("text_config", "num_hidden_layers", 3), want: "language_model.model.decoder.layers.2"},
		"millions of layers":      {change: part("text_config", "num_hidden_layers", 16_000_000), want: "language_model.model.decoder.layers.2"},
		"a million of others":     {change: part("vision_config", "num_hidden_layers", 1_000_000), want: "vision_model.encoder.layers.2"},
		"a million in the bridge": {change: part("qformer_config", "num_hidden_layers", 1_000_000), want: "qformer.encoder.layer.3"},
		"a width without end":     {change: part("text_config", "hidden_size", 16_000_000), want: "language_model.model.decoder."},
		"heads":                   {change: part("text_config", "num_attention_heads", 3), want: "heads"},
		"positions":               {change: part("text_config", "max_position_embeddings", 128), want: "embed_positions"},
		"encoder's width":         {change: part("vision_config", "hidden_size", 24), want: "vision_model."},
		"picture's size":          {change: part("vision_config", "image_size", 28), want: "position_embedding"},
		"bridge's feed-forward":   {change: part("qformer_config", "intermediate_size", 13), want: "qformer."},
		"number of queries":       {change: func(c map[string]any) { c["num_query_tokens"] = 32 }, want: "query_tokens"},
		"unknown language model":  {change: part("text_config", "model_type", "gpt2"), want: "gpt2"},
		"unknown encoder":         {change: part("vision_config", "model_type", "swin"), want: "swin"},
		"unknown model":           {change: func(c map[string]any) { c["model_type"] = "llava" }, want: "llava"},
		"no tokenizer":            {change: func(map[string]any) {}, without: []string{"tokenizer.json"}, want: "tokenizer.json"},
		"a shard that is missing": {change: func(map[string]any) {}, without: []string{"model-00002-of-00003.safetensors"}, want: "model-00002-of-00003.safetensors"},
	} {
		m, err := Open(variant(t, "../../testdata/blip2-opt", tt.change, tt.without...), Options{})
		if err == nil {
			m.Close()
			t.Errorf("%s: no error", name)
		} else if text := err.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, "\n") || len(text) > 700 {
			t.Errorf("%s: %s", name, text)
		} else {
			t.Logf("%s: %s", name, text)
		}
	}
}

// TestBatches asks about several pictures with prompts of different lengths at once: the answers are those of one at a time.
func TestBatches(t *testing.T) {
	prompts := []string{"w3", "a photo of two w9 dogs", "w4 w30 w5"}
	for _, dir := range []string{"blip2-opt", "instructblip", "blip2-llama", "blip2-t5"} {
		m, err := Open("../../testdata/"+dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		size := m.Vision.Processor().Size
		pixels := make([]float32, len(prompts)*3*size[0]*size[1])
		for i := range pixels {
			pixels[i] = float32((i*7919)%200)/100 - 1
		}
		say := func(from, to int) []generate.Result {
			run, d := tensor.NewRun(tensor.Options{Compute: kernel.F32}), language.NewDecoder(m.Language, tensor.Options{Compute: kernel.F32})
			n := len(pixels) / len(prompts)
			seen := m.See(run, tensor.FromFloats(pixels[from*n:to*n], to-from, 3, size[0], size[1]), prompts[from:to]...)
			var ids [][]int32
			for _, p := range prompts[from:to] {
				ids = append(ids, m.PromptIDs(p))
			}
			r, err := m.Write(context.Background(), d, m.Soft(run, seen), ids, generate.Options{MaxTokens: 10})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		together := say(0, len(prompts))
		for i := range prompts {
			alone := say(i, i+1)[0]
			if got := together[i]; !slices.Equal(got.Tokens, alone.Tokens) {
				t.Errorf("%s, %q: %v among others, %v alone", dir, prompts[i], got.Tokens, alone.Tokens)
			}
			for j, p := range alone.LogProbs {
				if j < len(together[i].LogProbs) && max(p-together[i].LogProbs[j], together[i].LogProbs[j]-p) > 1e-4 {
					t.Errorf("%s, %q: log-probability %d is %v among others, %v alone", dir, prompts[i], j, together[i].LogProbs[j], p)
				}
			}
		}
	}
}

// TestVisionAlone: a matching model's half that reads pictures, as transformers' Blip2VisionModelWithProjection is saved: layers of the text
// stream, and none of its words.
func TestVisionAlone(t *testing.T) {
	const dir = "../../testdata/blip2-itm"
	src := openFile(t, dir+"/model.safetensors")
	var tensors []weights.Tensor
	for _, n := range src.Names() {
		if w, _ := src.Lookup(n); !strings.HasPrefix(n, "embeddings.") && !strings.HasPrefix(n, "text_projection.") && !strings.HasPrefix(n, "itm_head.") {
			tensors = append(tensors, w)
		}
	}
	at := variant(t, dir, func(map[string]any) {})
	if err := weights.WriteSafetensors(filepath.Join(at, "model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	m, err := Open(at, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	pixels, _ := openFile(t, dir+"/inputs.safetensors").Lookup("pixel_values")
	out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{
		Inputs: weights.NewMemory(pixels), Head: "itc", Select: func(n string) bool { return n == "image_embeds" },
	})
	if err != nil {
		t.Fatal(err)
	}
	sameAsRecorded(t, "", out, openFile(t, dir+"/expected.safetensors"), 1)
}
