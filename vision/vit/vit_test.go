package vit

import (
	"math"
	"strings"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

// recorder copies what it is shown.
type recorder map[string][]float32

func (r recorder) Module(path string, out *tensor.Tensor) {
	r[path] = append([]float32(nil), out.Data()...)
}
func (r recorder) WantsMap(string) bool       { return false }
func (r recorder) Map(string, *tensor.Tensor) {}

// TestReference compares every module's output with transformers' (tools/oracle/vit.py).
func TestReference(t *testing.T) {
	f, err := weights.Open("testdata/tiny.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := ParseConfig([]byte(`{"hidden_size":24,"intermediate_size":40,"num_hidden_layers":2,"num_attention_heads":3,
		"image_size":28,"patch_size":7,"layer_norm_eps":1e-6,"unknown":true}`))
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(f, nn.BuilderOptions{})
	m := New(c, b.Sub("vision_model"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	in, _ := f.Lookup("pixel_values")
	pixels, err := in.Float32()
	if err != nil {
		t.Fatal(err)
	}
	seen := recorder{}
	r := tensor.NewRun(tensor.Options{Observer: seen})
	out := m.Encode(r, tensor.FromFloats(pixels, in.Shape...)).Tokens
	if got := m.Shape(); out.Dim(1) != got.Tokens || out.Dim(2) != got.Width {
		t.Fatalf("output %v, the shape promises %+v", out.Shape(), got)
	}
	compared := 0
	for _, name := range f.Names() {
		path, ok := strings.CutPrefix(name, "out.")
		if !ok {
			continue
		}
		w, _ := f.Lookup(name)
		want, _ := w.Float32()
		got := seen[path]
		if len(got) != len(want) {
			t.Errorf("%s: %d values, want %d", path, len(got), len(want))
			continue
		}
		var scale, worst float64
		for i := range want {
			scale = max(scale, math.Abs(float64(want[i])))
			worst = max(worst, math.Abs(float64(want[i]-got[i])))
		}
		if !(worst <= 1e-5*scale) {
			t.Errorf("%s: off by %g of %g", path, worst, scale)
		}
		compared++
	}
	if compared != 6 {
		t.Errorf("compared %d modules, want 6", compared)
	}
}

// TestConfigRefuses checks that a configuration that means nothing is an error, not a panic later.
func TestConfigRefuses(t *testing.T) {
	for _, c := range []string{
		`{"hidden_size":0}`, `{"hidden_size":-5}`, `{"num_attention_heads":7}`, `{"hidden_act":"gulp"}`, `{"patch_size":500}`,
		`{"num_hidden_layers":99999999}`, `[]`, `{"hidden_size":"big"}`,
	} {
		if _, err := ParseConfig([]byte(c)); err == nil {
			t.Errorf("%s: no error", c)
		}
	}
}
