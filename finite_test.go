package dragoman_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman"
	"dragoman/generate"
)

// TestNotFinite uses models whose weights are all NaN: whatever is asked of them ends with an error of a line, and no number.
func TestNotFinite(t *testing.T) {
	ctx, img := context.Background(), dragoman.ImageBytes(drawing(t, 2)).Named("p.png")
	for from, uses := range map[string]map[string]func(m *dragoman.Model) error{
		captioner: {
			"caption": func(m *dragoman.Model) error { _, err := m.Caption(ctx, img, nil); return err },
		},
		matcher: {
			"match":      func(m *dragoman.Model) error { _, err := m.Match(ctx, img, "w1"); return err },
			"embed":      func(m *dragoman.Model) error { _, err := m.EmbedImage(ctx, img); return err },
			"embed text": func(m *dragoman.Model) error { _, err := m.EmbedText(ctx, "w1"); return err },
		},
		"model/clip/testdata/clip": {
			"match":      func(m *dragoman.Model) error { _, err := m.Match(ctx, img, "w1"); return err },
			"embed":      func(m *dragoman.Model) error { _, err := m.EmbedImage(ctx, img); return err },
			"embed text": func(m *dragoman.Model) error { _, err := m.EmbedText(ctx, "w1"); return err },
		},
	} {
		dir := copyModel(t, from)
		name := filepath.Join(dir, "model.safetensors")
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 8 + binary.LittleEndian.Uint64(raw); i < uint64(len(raw)); i++ {
			raw[i] = 0xff
		}
		if err := os.WriteFile(name, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := dragoman.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for what, use := range uses {
			if err := use(m); !errors.Is(err, generate.ErrNotFinite) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %s: %v", from, what, err)
			}
		}
	}
}
