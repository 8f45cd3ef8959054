package vit

import (
	"strings"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights/weightstest"
)

// TestReference compares every module's output with transformers' (tools/oracle/vit.py).
func TestReference(t *testing.T) {
	f := weightstest.Open(t, "testdata/tiny.safetensors")
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
	pixels, shape := f.Floats("pixel_values")
	seen := weightstest.Recorder{}
	r := tensor.NewRun(tensor.Options{Observer: seen})
	out := m.Encode(r, tensor.FromFloats(pixels, shape...)).Tokens
	if got := m.Shape(); out.Dim(1) != got.Tokens || out.Dim(2) != got.Width {
		t.Fatalf("output %v, the shape promises %+v", out.Shape(), got)
	}
	compared := 0
	for _, name := range f.Names() {
		path, ok := strings.CutPrefix(name, "out.")
		if !ok {
			continue
		}
		want, _ := f.Floats(name)
		weightstest.Near(t, path, seen[path], want, 1e-5, 0)
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
		`{"num_hidden_layers":99999999}`, `[]`, `{"hidden_size":"big"}`, `{"image_size":[224,196]}`, `{"image_size":-1}`, `{"patch_size":0}`,
	} {
		if _, err := ParseConfig([]byte(c)); err == nil {
			t.Errorf("%s: no error", c)
		}
	}
}

// TestAtTrainedSize: at the size that it was trained at, a model is the same, and sizes of as many patches share its positions.
func TestAtTrainedSize(t *testing.T) {
	c, err := ParseConfig([]byte(`{"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"image_size":28,"patch_size":7}`))
	if err != nil {
		t.Fatal(err)
	}
	m := New(c, nn.NewBuilder(nil, nn.BuilderOptions{}).Sub("vision_model"))
	for size, same := range map[int]bool{28: true, 34: true, 27: false, 35: false} {
		other, err := m.At(size)
		if err != nil {
			t.Fatal(err)
		}
		if got := other.places == m.places; got != same || other.Config.ImageSize != size || m.Config.ImageSize != 28 {
			t.Errorf("at %d the positions are the same: %v", size, got)
		}
	}
	for _, size := range []int{-1, 0, 6, 1 << 20} {
		if _, err := m.At(size); err == nil {
			t.Errorf("reads pictures of %d×%d", size, size)
		}
	}
}

// TestImageSize reads a size that is spelt as two, and one that only the checkpoint has.
func TestImageSize(t *testing.T) {
	c, err := ParseConfig([]byte(`{"image_size":[364,364],"patch_size":[14,14]}`))
	if err != nil || c.ImageSize != 364 || c.PatchSize != 14 {
		t.Errorf("%+v, %v", c, err)
	}
	f := weightstest.Open(t, "testdata/tiny.safetensors") // of 28 pixels
	const rest = `{"hidden_size":24,"intermediate_size":40,"num_hidden_layers":2,"num_attention_heads":3,"patch_size":7`
	for config, want := range map[string]int{rest + `}`: 28, rest + `,"image_size":56}`: 0} {
		if c, err = ParseConfig([]byte(config)); err != nil {
			t.Fatal(err)
		}
		b := nn.NewBuilder(f, nn.BuilderOptions{})
		m := New(c, b.Sub("vision_model"))
		if err := b.Err(); want == 0 && (err == nil || !strings.Contains(err.Error(), "position_embedding")) {
			t.Errorf("%s: %v", config, err)
		} else if want != 0 && (err != nil || m.Config.ImageSize != want) {
			t.Errorf("%s: pictures of %d, %v", config, m.Config.ImageSize, err)
		}
	}
}
