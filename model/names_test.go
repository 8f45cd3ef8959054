package model

import (
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/weights"
)

// TestNamesInAWholeModel: what a tensor is rounded to, and what it takes, goes by what part calls it, not by what it is called where it lies.
func TestNamesInAWholeModel(t *testing.T) {
	own := weights.Tensor{Name: "q.weight", Type: weights.F32, Shape: []int{32, 32}, Data: make([]byte, 4*32*32)}
	p := Precision{Some: true, Matrices: kernel.Q4_0}
	for module, want := range map[string]kernel.DType{LanguageModule: kernel.Q4_0, "bridge": kernel.BF16} {
		part := func(name string) string { return module + "." + name }
		if d, _ := p.StoreAs(part)(own); d != want {
			t.Errorf("in %s a matrix becomes %v, not %v", module, d, want)
		}
		takes := int64(32 * want.RowBytes(32))
		if err := (Room{Bytes: takes, By: "the test"}).FitsAs(part, p, false, weights.Memory{own.Name: own}); err != nil {
			t.Errorf("in %s: %v", module, err)
		}
		err := Room{Bytes: takes - 1, By: "the test"}.FitsAs(part, p, false, weights.Memory{own.Name: own})
		if err == nil || !strings.Contains(err.Error(), "memory") {
			t.Errorf("in %s a byte too few: %v", module, err)
		}
	}
}
