package dragoman_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"dragoman"
	"dragoman/weights"
)

// TestConcurrentGradients: gradients, which parameters keep until they are read, are what they are alone where many are asked for at a time.
func TestConcurrentGradients(t *testing.T) {
	for _, dir := range []string{captioner, flamingos[2]} {
		m, err := dragoman.OpenTrace(dir, true, dragoman.WithDType("f32"))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		made, err := m.TraceInputs([]dragoman.Image{dragoman.ImageBytes(drawing(t, 2))}, "w1 w2 w3", "")
		if err != nil {
			t.Fatal(err)
		}
		var in []weights.Tensor
		for _, name := range made.Names() {
			w, _ := made.Lookup(name)
			in = append(in, w)
			if name == "input_ids" || name == "lang_x" {
				w.Name = "labels"
				in = append(in, w)
			}
		}
		trace := func() []weights.Tensor {
			out, err := m.Trace(dragoman.TraceRequest{Inputs: weights.NewMemory(in...), Select: []string{"loss"}, Grad: []string{"*.*.*", "*.*.*.*", "*.*.*.*.*"}})
			if err != nil {
				t.Error(err)
			}
			return out
		}
		want := trace()
		if len(want) < 5 {
			t.Fatalf("%s: %d tensors", dir, len(want))
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range 3 {
					if !reflect.DeepEqual(trace(), want) {
						t.Errorf("%s: gradients are others among others", dir)
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestTraceNamesOfVisionAlone: what goes through the half of a matching model that reads pictures can be listed without texts.
func TestTraceNamesOfVisionAlone(t *testing.T) {
	const from = "testdata/blip2-itm"
	src, err := weights.Open(from + "/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var tensors []weights.Tensor
	for _, n := range src.Names() {
		if w, _ := src.Lookup(n); !strings.HasPrefix(n, "embeddings.") && !strings.HasPrefix(n, "text_projection.") && !strings.HasPrefix(n, "itm_head.") {
			tensors = append(tensors, w)
		}
	}
	dir := t.TempDir()
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(from + "/config.json")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := dragoman.OpenTrace(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	names, err := m.TraceNames()
	if err != nil || !slices.ContainsFunc(names, func(w weights.Tensor) bool { return w.Name == "image_embeds" }) {
		t.Errorf("%d names, %v", len(names), err)
	}
}
