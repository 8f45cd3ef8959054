package blip2

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/internal/hint"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// lavisDir is a folder in which LAVIS's bridge stands on an encoder and a language model that its configuration names (tools/oracle/lavis.py
// made the files); vision and text are those parts' configurations, to which the names are added.
func lavisDir(t *testing.T, vision, text map[string]any) string {
	t.Helper()
	const original = "../../testdata/blip2-llama"
	dir := t.TempDir()
	for from, to := range map[string]string{
		"../../testdata/lavis/bridge.pth":      "bridge.pth",
		"../../testdata/lavis/eva.pth":         "eva_vit.pth",
		original + "/preprocessor_config.json": "preprocessor_config.json",
		original + "/tokenizer.json":           "llm/tokenizer.json",
		original + "/generation_config.json":   "llm/generation_config.json",
	} {
		raw, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, to), raw)
	}
	var config map[string]json.RawMessage
	raw, err := os.ReadFile(original + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "llm/config.json"), config["text_config"])
	whole := openFile(t, original+"/model.safetensors")
	var language []weights.Tensor
	inner := weights.Prefix(whole, "language_model.")
	for _, name := range inner.Names() {
		w, _ := inner.Lookup(name)
		language = append(language, w)
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "llm/model.safetensors"), language, nil); err != nil {
		t.Fatal(err)
	}
	var described map[string]any
	if err := json.Unmarshal(config["vision_config"], &described); err != nil {
		t.Fatal(err)
	}
	for key, value := range vision {
		described[key] = value
	}
	config["vision_config"], _ = json.Marshal(described)
	config["text_config"], _ = json.Marshal(text)
	config["dragoman"] = json.RawMessage(`{"weights":"bridge.pth"}`)
	raw, err = json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "config.json"), raw)
	return dir
}

func put(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLAVIS puts LAVIS's bridge onto the encoder and the language model that it was trained with: every module gives what transformers
// gives for the whole.
func TestLAVIS(t *testing.T) {
	dir := lavisDir(t, map[string]any{"weights": "eva_vit.pth"}, map[string]any{"weights": "llm"})
	m, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in, want := openFile(t, "../../testdata/blip2-llama/inputs.safetensors"), openFile(t, "../../testdata/blip2-llama/expected.safetensors")
	sameAsTraced(t, m, in, want)
}

// sameAsTraced compares what goes through a model with what went through transformers'.
func sameAsTraced(t *testing.T, m *Model, in, want *weights.File) {
	t.Helper()
	out, err := m.Trace(tensor.Options{}, Trace{Inputs: in, Maps: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]weights.Tensor{}
	for _, w := range out {
		got[w.Name] = w
	}
	for _, name := range want.Names() {
		if strings.HasPrefix(name, "generated") || strings.HasPrefix(name, "grad.") {
			continue
		}
		w, _ := want.Lookup(name)
		g, ok := got[name]
		if !ok {
			t.Errorf("%s is not among what was traced", name)
			continue
		}
		a, _ := g.Float32()
		b, _ := w.Float32()
		near(t, name, a, b, 1e-4)
	}
}

// lavisOf is a folder with the bridge of a checkpoint of transformers', under LAVIS's names, and a configuration that takes the frozen
// parts from that checkpoint.
func lavisOf(t *testing.T, original string) string {
	t.Helper()
	original, err := filepath.Abs(original)
	if err != nil {
		t.Fatal(err)
	}
	const in, out = "qformer.encoder.layer.*.", "Qformer.bert.encoder.layer.*."
	bridge, err := weights.Rename(openFile(t, original),
		weights.Rule{From: "vision_model.post_layernorm.*", To: "ln_vision.*"},
		weights.Rule{From: "vision_model.**", To: ""},
		weights.Rule{From: "language_model.**", To: ""},
		weights.Rule{From: "language_projection.*", To: "llm_proj.*"},
		weights.Rule{From: "vision_projection.*", To: "vision_proj.*"},
		weights.Rule{From: "text_projection.*", To: "text_proj.*"},
		weights.Rule{From: "qformer.embeddings.layernorm.*", To: "Qformer.bert.embeddings.LayerNorm.*"},
		weights.Rule{From: "qformer.layernorm.*", To: "Qformer.bert.embeddings.LayerNorm.*"},
		weights.Rule{From: "embeddings.**", To: "Qformer.bert.embeddings.**"},
		weights.Rule{From: in + "attention.attention.**", To: out + "attention.self.**"},
		weights.Rule{From: in + "crossattention.attention.**", To: out + "crossattention.self.**"},
		weights.Rule{From: "qformer.**", To: "Qformer.bert.**"},
	)
	if err != nil {
		t.Fatal(err)
	}
	var tensors []weights.Tensor
	for _, name := range bridge.Names() {
		w, _ := bridge.Lookup(name)
		tensors = append(tensors, w)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	of, err := filepath.Glob(filepath.Join(dir, "*.safetensors*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range of {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "bridge.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(original + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	config["vision_config"] = map[string]any{"weights": original}
	config["text_config"] = map[string]any{"weights": original}
	config["dragoman"] = map[string]any{"weights": "bridge.safetensors"}
	if raw, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "config.json"), raw)
	return dir
}

// TestLAVISInstruct has InstructBLIP's bridge, with the frozen parts from a checkpoint of transformers'.
func TestLAVISInstruct(t *testing.T) {
	const original = "../../testdata/instructblip"
	whole, err := os.Stat(original + "/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(lavisOf(t, original), Options{Room: Room{Bytes: whole.Size()}}) // each part is counted once, wherever it lies
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	sameAsTraced(t, m, openFile(t, original+"/inputs.safetensors"), openFile(t, original+"/expected.safetensors"))
}

// TestLAVISFirstStage has a bridge that matches.
func TestLAVISFirstStage(t *testing.T) {
	const original = "../../testdata/blip2-itm"
	m, err := Open(lavisOf(t, original), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	want := openFile(t, original+"/expected.safetensors")
	for head, name := range map[string]string{"itm": "itm_logits", "itc": "logits_per_image"} {
		out, err := m.Trace(tensor.Options{}, Trace{Inputs: openFile(t, original+"/inputs.safetensors"), Head: head})
		if err != nil {
			t.Fatal(err)
		}
		w, ok := want.Lookup(name)
		if !ok {
			t.Fatalf("%s is not among what was recorded", name)
		}
		compared := false
		for _, got := range out {
			if got.Name == name {
				compared = true
				a, _ := got.Float32()
				b, _ := w.Float32()
				near(t, name, a, b, 1e-4)
			}
		}
		if !compared {
			t.Errorf("%s was not traced", name)
		}
	}
}

// TestLAVISLineEnds has a bridge on an OPT whose own texts end otherwise: with it they end where LAVIS's do, saved and opened again too.
func TestLAVISLineEnds(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "opt")
	if err := os.CopyFS(plain, os.DirFS("../../testdata/blip2-opt")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(plain, "generation_config.json"), []byte(`{"eos_token_id":2}`))
	m, err := Open(lavisOf(t, plain), Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	line := m.Tokenizer.Encode("\n", false)
	if got := m.Language.Config().EOS; !slices.Equal(got, line) {
		t.Errorf("texts end with %v, a line break is %v", got, line)
	}
	again := saved(t, m)
	if got := again.Language.Config().EOS; !slices.Equal(got, line) {
		t.Errorf("opened again, texts end with %v", got)
	}
}

// TestLAVISActivation has a bridge on a T5 as Google published it: LAVIS computed with the exact GELU.
func TestLAVISActivation(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "t5")
	if err := os.CopyFS(plain, os.DirFS("../../testdata/blip2-t5")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(plain, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	published := strings.Replace(string(raw), `"dense_act_fn": "gelu"`, `"dense_act_fn": "gelu_new"`, 1)
	if published == string(raw) {
		t.Fatal("the checkpoint has another activation")
	}
	put(t, path, []byte(published))
	m, err := Open(lavisOf(t, plain), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	sameAsTraced(t, m, openFile(t, plain+"/inputs.safetensors"), openFile(t, plain+"/expected.safetensors"))
}

// TestLAVISFromCache names the language model as a hub does.
func TestLAVISFromCache(t *testing.T) {
	dir := lavisDir(t, map[string]any{"weights": "eva_vit.pth"}, map[string]any{"weights": "some/llm"})
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "some/llm") || hint.Of(err) != "dragoman pull some/llm" {
		t.Errorf("a language model that is not there: %v, hint %q", err, hint.Of(err))
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	repo := filepath.Join(cache, "models--some--llm")
	put(t, filepath.Join(repo, "refs/main"), []byte(commit))
	if err := os.MkdirAll(filepath.Join(repo, "snapshots"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "llm"), filepath.Join(repo, "snapshots", commit)); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Language == nil || m.Tokenizer == nil {
		t.Error("opened without its language model")
	}
	// What is saved names the folder, so that it opens without the name.
	out := t.TempDir()
	trainable, err := Open(dir, Options{Trainable: true})
	if err == nil {
		err = trainable.Save(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(filepath.Join(out, "config.json"))
	if err != nil || strings.Contains(string(saved), "bridge.pth") || !strings.Contains(string(saved), commit) {
		t.Errorf("saved %s, %v", saved, err)
	}
	if err := errors.Join(m.Close(), trainable.Close()); err != nil {
		t.Error(err)
	}
}

// TestVisionPart tells LAVIS's encoder by what is in its file.
func TestVisionPart(t *testing.T) {
	if p, err := model.VisionPart(Dir("../../testdata/lavis"), "eva.pth"); err != nil || p.Type != model.ViT {
		t.Errorf("%s, %v", p.Type, err)
	}
	if p, err := model.VisionPart(Dir("../../testdata"), "blip2-llama"); err != nil || p.Type != model.ViT {
		t.Errorf("%s, %v", p.Type, err)
	}
}
