package weights_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"dragoman/weights"
)

// A fused projection of another tool's checkpoint, read under our names.
func ExampleSplitRows() {
	fused := weights.FromFloat32("transformer.blocks.0.attn.Wqkv.weight", []int{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	split, err := weights.SplitRows(weights.NewMemory(fused), weights.Split{
		From: "transformer.blocks.*.attn.Wqkv.weight",
		Into: []weights.Part{
			{Name: "layers.*.query.weight"}, {Name: "layers.*.key.weight"}, {Name: "layers.*.value.weight"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range split.Names() {
		tensor, _ := split.Lookup(name)
		values, _ := tensor.Float32()
		fmt.Println(name, tensor.Shape, values)
	}
	// Output:
	// layers.0.query.weight [1 2] [1 2]
	// layers.0.key.weight [1 2] [3 4]
	// layers.0.value.weight [1 2] [5 6]
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "weights")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	bias := weights.FromFloat32("head.bias", []int{2}, []float32{0.5, -1})
	if err := weights.WriteSafetensors(path, []weights.Tensor{bias}, nil); err != nil {
		log.Fatal(err)
	}

	file, err := weights.Open(dir) // or the path
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for _, name := range file.Names() {
		tensor, _ := file.Lookup(name)
		fmt.Println(file.Format, name, tensor.Type, tensor.Shape)
	}
	// Output: safetensors head.bias F32 [2]
}
