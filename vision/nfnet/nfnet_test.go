package nfnet

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

func open(t *testing.T, name string) weightstest.Golden {
	t.Helper()
	return weightstest.Open(t, "testdata/tiny/"+name)
}

func tiny(t *testing.T) *Model {
	t.Helper()
	raw, err := os.ReadFile("testdata/tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(open(t, "model.safetensors"), nn.BuilderOptions{})
	m, err := New(c, b.Sub())
	if err == nil {
		err = b.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	if left := b.Unused(); len(left) > 0 {
		t.Errorf("nobody asked for %v", left)
	}
	return m
}

// TestReference compares modules' outputs with timm's (tools/oracle/nfnet.py), for pictures of an odd size.
func TestReference(t *testing.T) {
	m, want := tiny(t), open(t, "expected.safetensors")
	x, shape := want.Floats("pixels")
	seen := weightstest.Recorder{}
	out := m.Encode(tensor.NewRun(tensor.Options{Observer: seen}), tensor.FromFloats(x, shape...))
	seen["final_act"], seen["pooled"], seen["head"] = out.Tokens.Data(), out.Pooled.Data(), out.Logits.Data()
	compared := 0
	for _, n := range want.Names() {
		if path, ok := strings.CutPrefix(n, "out."); ok {
			want.Near(n, seen[path], 1e-5, 0)
			compared++
		}
	}
	if compared != 15 {
		t.Errorf("compared %d modules, want 15", compared)
	}
}

// TestShape encodes a picture of the processor's size, whose pixels are timm's.
func TestShape(t *testing.T) {
	m := tiny(t)
	file, err := os.ReadFile("testdata/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	img, err := picture.Decode(file, picture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := m.Processor()
	pixels := p.Apply(img, nil)
	open(t, "expected.safetensors").Near("pixel_values", pixels, 1e-5, 0)
	out, s := m.Encode(tensor.NewRun(tensor.Options{}), tensor.FromFloats(pixels, 1, 3, p.Size[0], p.Size[1])), m.Shape()
	if out.Tokens.Dim(1) != s.Tokens || out.Tokens.Dim(2) != s.Width || out.Pooled.Dim(1) != s.Pooled || out.Logits.Dim(1) != s.Classes || s.Tokens != s.Grid[0]*s.Grid[1] {
		t.Errorf("tokens %v, pooled %v, logits %v; the shape promises %+v", out.Tokens.Shape(), out.Pooled.Shape(), out.Logits.Shape(), s)
	}
}

// filled is values by a formula of a name's length and their places.
func filled(name string, shape []int) []float32 {
	x := make([]float32, tensor.Count(shape))
	for i := range x {
		v := math.Sin(float64(i)*0.37+float64(len(name))) * 0.1
		if strings.HasSuffix(name, "gain") {
			v++
		}
		x[i] = float32(v)
	}
	return x
}

// TestF0 compares a sample of features of the real shape, of weights that are made by a formula here and for timm.
func TestF0(t *testing.T) {
	if testing.Short() {
		t.Skip("71 million weights")
	}
	raw, err := os.ReadFile("testdata/f0.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Max    float64
		Size   int
		At     []int
		Values []float64
		Shapes map[string][]int
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	src := weights.Memory{}
	for name, shape := range want.Shapes {
		src[name] = weights.FromFloat32(name, shape, filled(name, shape))
	}
	c, err := ParseConfig([]byte(`{"architecture":"dm_nfnet_f0"}`))
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder(src, nn.BuilderOptions{})
	m, err := New(c, b)
	if err == nil {
		err = b.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	got := m.Encode(tensor.NewRun(tensor.Options{}), tensor.FromFloats(filled("pixels", []int{1, 3, 64, 64}), 1, 3, 64, 64)).Tokens.Data()
	if len(got) != want.Size {
		t.Fatalf("%d values, want %d", len(got), want.Size)
	}
	for i, at := range want.At {
		if d := math.Abs(float64(got[at]) - want.Values[i]); !(d <= 1e-4*want.Max) {
			t.Fatalf("value %d is %v, want %v of at most %v", at, got[at], want.Values[i], want.Max)
		}
	}
}

// TestRefuses checks that what is no NFNet is an error.
func TestRefuses(t *testing.T) {
	for _, c := range []string{
		`[]`, `{}`, `{"architecture":"resnet50"}`, `{"architecture":"dm_nfnet_f7"}`, `{"architecture":"dm_nfnet_f0","pretrained_cfg":{"input_size":[3,9,7]}}`,
		`{"architecture":"dm_nfnet_f0","pretrained_cfg":{"crop_pct":-1}}`, `{"architecture":"dm_nfnet_f0","pretrained_cfg":{"interpolation":"magic"}}`,
	} {
		if _, err := ParseConfig([]byte(c)); err == nil {
			t.Errorf("%s: no error", c)
		}
	}
	if _, err := New(Config{}, nn.NewBuilder(weights.Memory{}, nn.BuilderOptions{})); err == nil {
		t.Error("an empty checkpoint is no error")
	}
	whole := open(t, "model.safetensors")
	for _, name := range whole.Names() {
		src := weights.Memory{}
		for _, n := range whole.Names() {
			src[n], _ = whole.Lookup(n)
		}
		w := src[name]
		src[name] = weights.FromFloat32(name, []int{1}, []float32{1})
		b := nn.NewBuilder(src, nn.BuilderOptions{})
		if _, err := New(Config{}, b); err == nil && b.Err() == nil && w.Len() != 1 {
			t.Errorf("%s of another shape is no error", name)
		}
	}
}
