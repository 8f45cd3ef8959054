package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

// TestCacheOfPlainPictures: features of pictures as they are depend neither on the seed nor on how many views there would be, and are made once;
// what they are computed in counts, and so do views that are drawn.
func TestCacheOfPlainPictures(t *testing.T) {
	cache := t.TempDir()
	try := func(compute kernel.DType, settings ...string) error {
		t.Helper()
		r := tinyFlamingo(t, append([]string{"views={cached: 1, cache: " + cache + "}"}, settings...)...)
		g := &gating{trainer: newTrainer(r, Options{})}
		defer g.close()
		if err := g.openData(context.Background()); err != nil {
			t.Fatal(err)
		}
		g.compute, g.run = compute, tensor.NewRun(tensor.Options{})
		var err error
		if g.system, err = g.open(); err != nil {
			t.Fatal(err)
		}
		g.views = newViews(g.system, r, g.compute)
		return g.views.fill(context.Background(), r, g.train, func(int, int) {})
	}
	fill := func(compute kernel.DType, settings ...string) int {
		t.Helper()
		if err := try(compute, settings...); err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadDir(cache)
		if err != nil {
			t.Fatal(err)
		}
		return len(kept)
	}
	for _, c := range []struct {
		compute  kernel.DType
		settings []string
		want     int
	}{
		{kernel.BF16, nil, 1},
		{kernel.BF16, []string{"seed=2"}, 1},
		{kernel.BF16, []string{"views.cached=2"}, 1},
		{kernel.F32, nil, 2},
		{kernel.BF16, []string{"views.augment=drawing"}, 3},
		{kernel.BF16, []string{"views.augment=drawing", "seed=2"}, 4},
	} {
		if n := fill(c.compute, c.settings...); n != c.want {
			t.Errorf("%v, %v: %d caches, not %d", c.compute, c.settings, n, c.want)
		}
	}
	shards, err := filepath.Glob(filepath.Join(cache, "*", "00000.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range shards { // of another width
		strange := weights.Tensor{Name: "features", Type: weights.F16, Shape: []int{1, 1, 3}, Data: make([]byte, 6)}
		if err := weights.WriteSafetensors(path, []weights.Tensor{strange}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := try(kernel.BF16); err == nil || !strings.Contains(err.Error(), "it does not hold features") {
		t.Errorf("a shard of another width: %v", err)
	}
}
