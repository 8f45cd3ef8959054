package blip2

import (
	"slices"
	"strings"
	"testing"

	"dragoman/weights"
)

// TestFoldTypes: positions have the first token type in them, and a table of types that is too narrow is named with its shape.
func TestFoldTypes(t *testing.T) {
	const name = "embeddings.token_type_embeddings.weight"
	positions := weights.FromFloat32("positions", []int{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	folded, err := foldTypes(weights.NewMemory(weights.FromFloat32(name, []int{2, 2}, []float32{10, 20, 7, 7})), positions, 2)
	if err != nil {
		t.Fatal(err)
	}
	if x, err := folded.Float32(); err != nil || !slices.Equal(x, []float32{11, 22, 13, 24}) {
		t.Errorf("%v, %v", x, err)
	}
	_, err = foldTypes(weights.NewMemory(weights.FromFloat32(name, []int{1, 1}, []float32{10})), positions, 2)
	if err == nil || !strings.Contains(err.Error(), name+": [1 1]") {
		t.Errorf("a table of another width: %v", err)
	}
}
