package clip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

func open(t *testing.T, name string) weightstest.Golden {
	t.Helper()
	return weightstest.Open(t, "testdata/"+name+".safetensors")
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
		x, shape := f.Floats("pixel_values")
		seen := weightstest.Recorder{}
		out := m.Encode(tensor.NewRun(tensor.Options{Observer: seen}), tensor.FromFloats(x, shape...)).Tokens
		if s := m.Shape(); out.Dim(1) != s.Tokens || out.Dim(2) != s.Width {
			t.Errorf("%s: output %v, the shape promises %+v", name, out.Shape(), s)
		}
		compared := 0
		for _, n := range f.Names() {
			if path, ok := strings.CutPrefix(n, "out."); ok {
				want, _ := f.Floats(n)
				weightstest.Near(t, name+": "+path, seen[path], want, 1e-5, 0)
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
	want, _ := open(t, "clip").Floats("out.vision_model")
	x, shape := open(t, "clip").Floats("pixel_values")
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
		weightstest.Near(t, name, got.Data(), patches, 1e-5, 0)
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

// TestSizes compares IDEFICS's last rows for pictures of other sizes than it was trained at with transformers'.
func TestSizes(t *testing.T) {
	f, other := open(t, "idefics"), open(t, "idefics-sizes")
	c, err := ParseIDEFICS([]byte(`{"embed_dim":16,` + sizes + `}`))
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(f, nn.BuilderOptions{})
	m := New(c, b.Sub("vision_model"))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{7, 20, 21, 35, 44} {
		at, err := m.At(size)
		if err != nil {
			t.Fatal(err)
		}
		x, shape := other.Floats(fmt.Sprintf("pixels.%d", size))
		want, _ := other.Floats(fmt.Sprintf("out.%d", size))
		got := at.Encode(tensor.NewRun(tensor.Options{}), tensor.FromFloats(x, shape...)).Tokens
		weightstest.Near(t, fmt.Sprint(size, " pixels"), got.Data(), want, 1e-5, 0)
	}
	for _, size := range []int{6, 1 << 20} {
		if _, err := m.At(size); err == nil {
			t.Errorf("%d pixels: no error", size)
		}
	}
}

// TestSizesLearn compares gradients through interpolated positions with PyTorch's.
func TestSizesLearn(t *testing.T) {
	f, other := open(t, "idefics"), open(t, "idefics-sizes")
	c, err := ParseIDEFICS([]byte(`{"embed_dim":16,` + sizes + `}`))
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(f, nn.BuilderOptions{}).Trainable(true)
	m, err := New(c, b.Sub("vision_model")).At(35)
	if err := errors.Join(err, b.Err()); err != nil {
		t.Fatal(err)
	}
	x, shape := other.Floats("pixels.35")
	run := tensor.NewRun(tensor.Options{Grad: true})
	y := m.Encode(run, tensor.FromFloats(x, shape...)).Tokens
	want, _ := other.Floats("out.35")
	weightstest.Near(t, "out", y.Data(), want, 1e-5, 0)
	dy, shape := other.Floats("dy")
	run.Backward(run.SumAll(run.Mul(y, tensor.FromFloats(dy, shape...))), 1)
	compared := 0
	for _, p := range b.Params() {
		name := "grad." + strings.TrimPrefix(p.Name(), "vision_model.embeddings.")
		if _, ok := other.Lookup(name); ok {
			want, _ := other.Floats(name)
			weightstest.Near(t, name, p.Grad(), want, 1e-4, 0)
			compared++
		}
	}
	if compared != 2 {
		t.Errorf("compared %d gradients", compared)
	}
}
