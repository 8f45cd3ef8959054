package flamingo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// TestOpenFlamingo compares modules' outputs, logits, loss and gradients with upstream's, from checkpoints as released and as training
// leaves them.
func TestOpenFlamingo(t *testing.T) {
	for _, kind := range openFlamingos {
		t.Run(kind, func(t *testing.T) {
			m := openTiny(t, kind, Options{Gradients: true})
			in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
			out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Grad: func(string) bool { return true }})
			if err != nil {
				t.Fatal(err)
			}
			weightstest.Traced(t, out, openFile(t, "testdata/"+kind+"/expected.safetensors"), in, 1e-7)
			if !slices.ContainsFunc(out, func(w weights.Tensor) bool {
				return strings.HasPrefix(w.Name, "grad.lang_encoder.") && strings.Contains(w.Name, ".0.decoder_layer.")
			}) {
				t.Error("gradients of frozen blocks do not have upstream's names")
			}
		})
	}
}

// TestMPTFeedForward: transformers' MptMLP adds what goes around it, so that what it gives is its block's, which was recorded.
func TestMPTFeedForward(t *testing.T) {
	const kind, block = "openflamingo-mpt", "lang_encoder.transformer.blocks.1.decoder_layer"
	in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
	out, err := openTiny(t, kind, Options{}).Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == block+".ffn" }})
	if err != nil || len(out) != 1 {
		t.Fatal(len(out), err)
	}
	want, _ := openFile(t, "testdata/"+kind+"/expected.safetensors").Lookup(block)
	weightstest.Traced(t, out, weights.Memory{block + ".ffn": want}, in, 1e-7)
}

// TestOpenFlamingoShots writes examples as upstream's evaluation does, and the paper's where there are none.
func TestOpenFlamingoShots(t *testing.T) {
	m := openTiny(t, "openflamingo-opt", Options{})
	text := func(shots []Shot, ask Shot) string { return m.dialect.page(m.Prompt(shots, ask)) }
	for want, got := range map[string]string{
		"<image>Output:a cat<|endofchunk|>\n<image><image>Output:": text([]Shot{{Pictures: 1, Text: " a cat\n"}}, Shot{Pictures: 2}),
		"<image>Question:what? Short answer:a cat<|endofchunk|>\n<image>Question:why? Short answer:": text(
			[]Shot{{Pictures: 1, Question: "what?", Text: "a cat"}}, Shot{Pictures: 1, Question: "why?"}),
		"Output:This is a cat wearing sunglasses.<|endofchunk|>\nOutput:Three elephants walking in the savanna.<|endofchunk|>\n<image>Output:": text(
			nil, Shot{Pictures: 1}),
	} {
		if got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
	}
	if got := text(nil, Shot{Pictures: 1, Question: "what?"}); strings.Count(got, "<image>") != 1 || strings.Count(got, endOfChunk) != 2 || !strings.HasSuffix(got, "<image>Question:what? Short answer:") {
		t.Errorf("without examples a question is %q", got)
	}
	if stop := m.StopIDs(); len(stop) != 1 || m.Tokenizer.Token(stop[0]) != endOfChunk {
		t.Errorf("a text ends at %v", stop)
	}
}

// copied copies a directory that a test is to break.
func copied(t *testing.T, kind string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), kind)
	if err := os.CopyFS(dir, os.DirFS("testdata/"+kind)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBadOpenFlamingo opens directories in which something does not fit: each an error of a line that says what.
func TestBadOpenFlamingo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"no encoder":                 {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "vision")) }, "clip_vision_encoder_path"},
		"no language model":          {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "language")) }, "lang_encoder_path"},
		"no paths":                   {write("config.json", `{"model_type":"open_flamingo"}`), "must say where"},
		"blocks at other places":     {write("config.json", `{"model_type":"open_flamingo","clip_vision_encoder_path":"vision","lang_encoder_path":"language","cross_attn_every_n_layers":2}`), "belongs to nothing"},
		"blocks that are not there":  {replaced("config.json", "openflamingo-llama", `"cross_attn_every_n_layers": 2`, `"cross_attn_every_n_layers": 1`), "not in the checkpoint"},
		"a distance of 0":            {write("config.json", `{"model_type":"open_flamingo","clip_vision_encoder_path":"vision","lang_encoder_path":"language","cross_attn_every_n_layers":0}`), "distance between blocks"},
		"another language model":     {write("language/config.json", `{"model_type":"gpt2"}`), `"gpt2" is not supported`},
		"a checkpoint that was cut":  {cut("checkpoint.pt"), "checkpoint.pt"},
		"a language model of widths": {other("language"), "bind tensor"},
	} {
		kind := "openflamingo-opt"
		if name == "blocks that are not there" {
			kind = "openflamingo-llama"
		}
		dir := copied(t, kind)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func write(name, text string) func(dir string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
}

func replaced(name, kind, old, text string) func(dir string) error {
	return func(dir string) error {
		raw, err := os.ReadFile(filepath.Join("testdata", kind, name))
		if err != nil {
			return err
		}
		return write(name, strings.Replace(string(raw), old, text, 1))(dir)
	}
}

func cut(name string) func(dir string) error {
	return func(dir string) error { return os.Truncate(filepath.Join(dir, name), 5000) }
}

// other makes a language model twice as wide as the checkpoint was trained with.
func other(name string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name, "config.json")
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.Replace(string(raw), `"hidden_size": 16`, `"hidden_size": 32`, 1)), 0o600)
	}
}
