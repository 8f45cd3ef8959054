package weights

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestEqual compares tensors in memory and in files, larger than a piece.
func TestEqual(t *testing.T) {
	values := make([]float32, 3*pieceElems+5)
	for i := range values {
		values[i] = float32(i)
	}
	other := slices.Clone(values)
	other[len(other)-1]++
	one, same, last := FromFloat32("one", []int{len(values)}, values), FromFloat32("same", []int{len(values)}, slices.Clone(values)), FromFloat32("last", []int{len(values)}, other)
	flat := FromFloat32("flat", []int{1, len(values)}, values)
	path := filepath.Join(t.TempDir(), "a.safetensors")
	if err := WriteSafetensors(path, []Tensor{one, same, last, flat}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, src := range []Source{f, NewMemory(one, same, last, flat)} {
		x, _ := src.Lookup("one")
		for name, want := range map[string]bool{"one": true, "same": true, "last": false, "flat": false} {
			y, _ := src.Lookup(name)
			if got, err := x.Equal(y); got != want || err != nil {
				t.Errorf("%T: one and %s: %v, %v", src, name, got, err)
			}
			if got, err := same.Equal(y); got != want || err != nil {
				t.Errorf("%T: in memory, and %s: %v, %v", src, name, got, err)
			}
		}
	}
}
