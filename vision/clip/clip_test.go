package clip

import (
	"math"
	"slices"
	"strings"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

// recorder copies what it is shown.
type recorder map[string][]float32

func (r recorder) Module(path string, out *tensor.Tensor) { r[path] = slices.Clone(out.Data()) }
func (r recorder) WantsMap(string) bool                   { return false }
func (r recorder) Map(string, *tensor.Tensor)             {}

func open(t *testing.T, name string) *weights.File {
	t.Helper()
	f, err := weights.Open("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func floats(t *testing.T, src weights.Source, name string) ([]float32, []int) {
	t.Helper()
	w, ok := src.Lookup(name)
	if !ok {
		t.Fatalf("%s is not in the file", name)
	}
	x, err := w.Float32()
	if err != nil {
		t.Fatal(err)
	}
	return x, w.Shape
}

func near(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	var scale, worst float64
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(want[i]-got[i])))
	}
	if !(worst <= 1e-5*scale) {
		t.Errorf("%s: off by %g of %g", name, worst, scale)
	}
}

const sizes = `"intermediate_size":32,"num_hidden_layers":2,"num_attention_heads":2,"image_size":14,"patch_size":7`

// TestReference compares every module's output with transformers' (tools/oracle/clip.py).
func TestReference(t *testing.T) {
	for name, parse := range map[string]func() (Config, error){
		"clip":    func() (Config, error) { return ParseConfig([]byte(`{"hidden_size":16,` + sizes + `}`)) },
		"idefics": func() (Config, error) { return ParseIDEFICS([]byte(`{"embed_dim":16,` + sizes + `}`)) },
	} {
		f := open(t, name)
		c, err := parse()
		if err != nil {
			t.Fatal(err)
		}
		b := nn.NewBuilder(f, nn.BuilderOptions{})
		m := New(c, b.Sub("vision_model"))
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		x, shape := floats(t, f, "pixel_values")
		seen := recorder{}
		out := m.Encode(tensor.NewRun(tensor.Options{Observer: seen}), tensor.FromFloats(x, shape...)).Tokens
		if s := m.Shape(); out.Dim(1) != s.Tokens || out.Dim(2) != s.Width {
			t.Errorf("%s: output %v, the shape promises %+v", name, out.Shape(), s)
		}
		compared := 0
		for _, n := range f.Names() {
			if path, ok := strings.CutPrefix(n, "out."); ok {
				want, _ := floats(t, f, n)
				near(t, name+": "+path, seen[path], want)
				compared++
			}
		}
		if compared != 7 {
			t.Errorf("%s: compared %d modules, want 7", name, compared)
		}
	}
}

// TestOpenCLIP reads the same weights under open_clip's names, with or without the module's, and finds the sizes in them; the patches
// alone are the rows behind the class.
func TestOpenCLIP(t *testing.T) {
	want, _ := floats(t, open(t, "clip"), "out.vision_model")
	x, shape := floats(t, open(t, "clip"), "pixel_values")
	whole := open(t, "openclip")
	for name, src := range map[string]weights.Source{"whole": whole, "encoder": weights.Prefix(whole, "visual.")} {
		if !weights.IsOpenCLIP(src) {
			t.Fatalf("%s is not taken for open_clip's", name)
		}
		renamed, err := weights.OpenCLIP(src)
		if err != nil {
			t.Fatal(err)
		}
		b := nn.NewBuilder(renamed, nn.BuilderOptions{}).Sub("vision_model")
		c, err := Detect(b)
		if err != nil {
			t.Fatal(err)
		}
		if c.HiddenSize != 16 || c.ImageSize != 14 || c.PatchSize != 7 || c.Layers != 2 || c.IntermediateSize != 32 {
			t.Errorf("%s: found %+v", name, c)
		}
		c.Heads, c.Patches = 2, true // a head has 64 columns in models that were released
		m := New(c, b)
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		got := m.Encode(tensor.NewRun(tensor.Options{}), tensor.FromFloats(x, shape...)).Tokens
		patches := slices.Concat(want[16:5*16], want[6*16:]) // of two pictures
		near(t, name, got.Data(), patches)
		if s := m.Shape(); s.Tokens != 4 || s.First != 0 {
			t.Errorf("%s: shape %+v", name, s)
		}
	}
	if weights.IsOpenCLIP(open(t, "clip")) {
		t.Error("transformers' names are taken for open_clip's")
	}
}

// TestConfigRefuses checks that a configuration that means nothing is an error, not a panic later.
func TestConfigRefuses(t *testing.T) {
	for _, c := range []string{
		`{"hidden_size":-5}`, `{"num_attention_heads":7}`, `{"hidden_act":"gulp"}`, `{"patch_size":500}`, `{"num_channels":4}`,
		`{"num_hidden_layers":99999999}`, `[]`, `{"hidden_size":"big"}`,
	} {
		if _, err := ParseConfig([]byte(c)); err == nil {
			t.Errorf("%s: no error", c)
		}
	}
	if _, err := Detect(nn.NewBuilder(weights.Memory{}, nn.BuilderOptions{})); err == nil {
		t.Error("sizes were found in nothing")
	}
}
