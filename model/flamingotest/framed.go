// Package flamingotest makes tiny models that no file has, for tests.
package flamingotest

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/weights"
)

// Framed is a copy of a tiny OpenFlamingo in a directory, whose resampler tells so many frames apart.
func Framed(t *testing.T, from string, frames int) string {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		to := filepath.Join(dir, rel)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(to, 0o750)
		case strings.HasSuffix(path, "checkpoint.pt"), filepath.Dir(path) == from && strings.HasSuffix(path, ".safetensors"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(filepath.Join(from, "checkpoint.pt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []weights.Tensor
	width := 0
	for _, name := range f.Names() {
		x, _ := f.Lookup(name)
		if strings.HasSuffix(name, "perceiver.latents") {
			width = x.Shape[1]
		}
		all = append(all, x)
	}
	vectors := make([]float32, frames*width)
	for i := range vectors {
		vectors[i] = float32(math.Sin(float64(i * i)))
	}
	all = append(all, weights.FromFloat32("perceiver.frame_embs", []int{frames, width}, vectors))
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), all, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}
