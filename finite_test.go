package dragoman_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman"
	"dragoman/eval"
	"dragoman/generate"
	"dragoman/picture"
)

// TestNotFinite uses models whose weights are NaN, or those of a name: whatever is asked of them ends with an error of a line, and no number.
func TestNotFinite(t *testing.T) {
	ctx, file := context.Background(), drawing(t, 2)
	img := dragoman.ImageBytes(file).Named("p.png")
	items := []eval.Item{{Name: "a", References: []string{"w1"}}, {Name: "b", References: []string{"w2"}}}
	for i := range items {
		items[i].Decode = func() (*picture.RGBA, error) { return picture.DecodeRGBA(file, picture.Options{}) }
	}
	match := func(m *dragoman.Model) error { _, err := m.Match(ctx, img, "w1"); return err }
	choose := func(m *dragoman.Model) error {
		_, err := m.Answer(ctx, img, "w3", &dragoman.Generate{Choices: []string{"w1", "w2"}})
		return err
	}
	forget := func(m *dragoman.Model) error {
		_, err := m.Forgetting(ctx, "w1 w2 w3", nil, eval.Windows{}, nil)
		return err
	}
	inspect := func(m *dragoman.Model) error {
		_, err := m.Inspect(ctx, img, dragoman.InspectOptions{})
		return err
	}
	page := func(m *dragoman.Model) error {
		_, err := m.InspectPage(ctx, []dragoman.Part{{Image: &img}, {Text: "a"}})
		return err
	}
	evaluate := func(rerank int) func(m *dragoman.Model) error {
		return func(m *dragoman.Model) error {
			_, err := m.Evaluate(ctx, items, eval.Options{Rerank: rerank})
			return err
		}
	}
	alone := func(vectors bool, err error) error { // an error has no vectors beside it
		if err != nil && vectors {
			return nil
		}
		return err
	}
	embed := func(m *dragoman.Model) error {
		rows, err := m.EmbedImage(ctx, img)
		return alone(rows != nil, err)
	}
	embedText := func(m *dragoman.Model) error {
		row, err := m.EmbedText(ctx, "w1")
		return alone(row != nil, err)
	}
	const idefics, clip = "model/flamingo/testdata/idefics", "model/clip/testdata/clip"
	for _, c := range []struct {
		from, weights string // those whose names have it
		uses          map[string]func(m *dragoman.Model) error
	}{
		{captioner, "", map[string]func(m *dragoman.Model) error{
			"caption": func(m *dragoman.Model) error { _, err := m.Caption(ctx, img, nil); return err },
			"choose":  choose, "forget": forget, "inspect": inspect,
		}},
		{matcher, "", map[string]func(m *dragoman.Model) error{
			"match": match, "embed": embed, "embed text": embedText, "inspect": inspect, "evaluate": evaluate(0),
		}},
		{matcher, "itm_head", map[string]func(m *dragoman.Model) error{"match": match, "evaluate": evaluate(1)}},
		{clip, "", map[string]func(m *dragoman.Model) error{"match": match, "embed": embed, "embed text": embedText}},
		{clip, "logit_scale", map[string]func(m *dragoman.Model) error{"match": match}},
		{idefics, "lm_head", map[string]func(m *dragoman.Model) error{"choose": choose, "forget": forget}},
		{idefics, "vision_model", map[string]func(m *dragoman.Model) error{"inspect": inspect, "inspect a page": page}},
		{idefics, "alpha", map[string]func(m *dragoman.Model) error{"inspect a page": page}},
	} {
		m, err := dragoman.Open(withNaN(t, c.from, c.weights))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for what, use := range c.uses {
			if err := use(m); !errors.Is(err, generate.ErrNotFinite) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %s: %s: %v", c.from, c.weights, what, err)
			}
		}
	}
}

// withNaN is a copy of a model in which the weights whose names have a part in them are NaN.
func withNaN(t *testing.T, from, part string) string {
	dir := copyModel(t, from)
	name := filepath.Join(dir, "model.safetensors")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begin := 8 + binary.LittleEndian.Uint64(raw)
	var header map[string]struct {
		Offsets []uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw[8:begin], &header); err != nil {
		t.Fatal(err)
	}
	for name, w := range header {
		if name != "__metadata__" && strings.Contains(name, part) {
			for i := w.Offsets[0]; i < w.Offsets[1]; i++ {
				raw[begin+i] = 0xff
			}
		}
	}
	if err := os.WriteFile(name, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}
