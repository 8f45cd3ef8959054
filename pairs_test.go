package dragoman

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
)

const tinyCLIP = "model/clip/testdata/clip"

func clipPicture() Image { return ImageFile("model/clip/testdata/picture.png") }

// TestPair compares a picture with labels as a CLIP does: cosines of the embeddings, and the softmax of them times the scale.
func TestPair(t *testing.T) {
	m, err := Open(tinyCLIP, WithDType("f32"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := t.Context()
	rows, err := m.EmbedImage(ctx, clipPicture())
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	names, templates := []string{"cat", "boat"}, []string{"a photo of a {}", "a {}"}
	labels, err := m.Labels(ctx, names, templates...)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := labels.Score(ctx, clipPicture())
	if err != nil {
		t.Fatal(err)
	}
	const scale = 14.285 // exp(2.6592), which the tiny model has as it was made
	var want, odds [2]float64
	for i, name := range names {
		mean := make([]float32, len(rows[0]))
		for _, text := range []string{"a photo of a " + name, "a " + name} {
			row, err := m.EmbedText(ctx, text)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range row {
				mean[k] += v
			}
		}
		want[i] = dot(rows[0], mean) / math.Sqrt(dot(mean, mean))
		odds[i] = math.Exp(scale * want[i])
	}
	for i, s := range scores {
		if p := odds[i] / (odds[0] + odds[1]); math.Abs(s.ITC-want[i]) > 1e-5 || math.Abs(s.Probability-p) > 1e-3 || s.ITM != 0 {
			t.Errorf("%s: %+v, want a cosine of %v and a probability of %v", names[i], s, want[i], p)
		}
	}
	if _, err := m.Labels(ctx, names, "no place for it"); err == nil {
		t.Error("a template without a place for the text is no error")
	}
	if _, err := m.Caption(ctx, clipPicture(), nil); !errors.Is(err, ErrNoPart) {
		t.Errorf("captioning with a CLIP: %v", err)
	}
	if _, err := m.Inspect(ctx, clipPicture(), InspectOptions{}); !errors.Is(err, ErrNoPart) {
		t.Errorf("inspecting a CLIP: %v", err)
	}
}

// TestPairBroken opens directories of CLIPs that lack something: an error, or, without a tokenizer, a model that reads no text.
func TestPairBroken(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"no weights":    {"model.safetensors": ""},
		"many layers":   {"config.json": `{"model_type":"clip","vision_config":{"num_hidden_layers":1000000}}`},
		"no width":      {"config.json": `{"model_type":"clip","projection_dim":-1}`},
		"odd heads":     {"config.json": `{"model_type":"clip","text_config":{"num_attention_heads":7}}`},
		"no object":     {"config.json": `{"model_type":"clip","text_config":3}`},
		"cut tokenizer": {"tokenizer.json": `{`},
		"other size":    {"preprocessor_config.json": `{"image_processor_type":"CLIPImageProcessor"}`},
	} {
		if m, err := Open(copyWith(t, change)); err == nil {
			m.Close()
			t.Errorf("%s: no error", name)
		}
	}
	m, err := Open(copyWith(t, map[string]string{"tokenizer.json": ""}))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.EmbedText(t.Context(), "a"); !errors.Is(err, ErrNoPart) {
		t.Errorf("text without a tokenizer: %v", err)
	}
}

// copyWith copies the tiny CLIP with some files changed; what is empty is left out.
func copyWith(t *testing.T, change map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join(tinyCLIP, name))
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := change[name]; ok {
			if text == "" {
				continue
			}
			data = []byte(text)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
