package llama

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"dragoman/nn"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// golden is a sample of a tensor, as tools/oracle/frozen.py writes it.
type golden struct {
	Shape  []int     `json:"shape"`
	Max    float64   `json:"max"`
	At     []int     `json:"at"`
	Values []float64 `json:"values"`
}

// check compares values of the golden's shape; tolerance is relative to its largest value.
func (g golden) check(t *testing.T, name string, got []float32, tolerance float64) {
	t.Helper()
	size := 1
	for _, n := range g.Shape {
		size *= n
	}
	if len(got) != size {
		t.Errorf("%s has %d values, want %v", name, len(got), g.Shape)
		return
	}
	worst := 0.0
	for i, at := range g.At {
		d := math.Abs(float64(got[at]) - g.Values[i])
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		worst = max(worst, d/g.Max)
	}
	if worst > tolerance {
		t.Errorf("%s differs from transformers by %.2g of its largest value, want %.2g", name, worst, tolerance)
	} else {
		t.Logf("%s: %.2g", name, worst)
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) *weights.File {
	t.Helper()
	return weightstest.Open(t, path).File
}

// tiny is a random LLaMA of two blocks that transformers wrote.
func tiny(t testing.TB) *Model {
	t.Helper()
	data, err := os.ReadFile("testdata/tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(open(t, "testdata/tiny/model.safetensors"), nn.BuilderOptions{})
	m := New(b, cfg)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if unused := b.Unused(); len(unused) > 0 {
		t.Errorf("tensors that nothing reads: %v", unused)
	}
	return m
}

// smol is the model that is built in.
func smol(t testing.TB) *Model {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", "mini", "SmolLM2*.gguf"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the built-in language model is not in mini/: %v, %v", found, err)
	}
	m, err := FromGGUF(open(t, found[0]), "", nn.BuilderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
