package flamingo

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/model"
)

// TestPackOwn: one file of a system that was trained here says what its folder says, to the byte, rounded or not, wherever its parts are then; so
// does what is packed of it again. Nothing learns in it.
func TestPackOwn(t *testing.T) {
	shapes := map[string]Shape{"with words of its own": pageShape, "as upstream": {
		Resampler: ResamplerShape{Latents: 3, Layers: 1, Heads: 1}, Gated: GatedShape{Every: 2, Heads: 1, TouchText: true},
	}}
	for name, shape := range shapes {
		m := assembled(t, shape)
		for _, p := range m.Params() {
			for i := range p.Data() {
				p.Data()[i] += float32((i+1)%7) * 0.02
			}
		}
		dir := t.TempDir()
		if err := m.Save(dir); err != nil {
			t.Fatal(err)
		}
		for _, p := range []model.Precision{{}, {Some: true, Matrices: kernel.BF16}, {Some: true, Matrices: kernel.Q8_0}} {
			folder, err := Open(dir, Options{Precision: p})
			if err != nil {
				t.Fatal(err)
			}
			want := said(t, folder)
			folder.Close()
			path := dir
			for _, round := range []string{"one.gguf", "two.gguf"} {
				out := filepath.Join(t.TempDir(), round)
				if err := Pack(path, out, p); err != nil {
					t.Fatal(name, err)
				}
				if path = out; !Is(out) || !IsOwn(out) {
					t.Errorf("%s: the file is not known", name)
				}
				packed, err := Open(out, Options{})
				if err != nil {
					t.Fatal(name, err)
				}
				if !slices.Equal(said(t, packed), want) {
					t.Errorf("%s as %v: %s says something else", name, p.Matrices, round)
				}
				packed.Close()
				if _, err := Open(out, Options{Trainable: true}); err == nil || !strings.Contains(err.Error(), "neither learns") {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if err := Write(dir, t.TempDir(), model.Precision{}); err == nil || !strings.Contains(err.Error(), "the bridge alone") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
