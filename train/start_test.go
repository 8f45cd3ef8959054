package train

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/tensor"
)

// TestStart: the tensors that a recipe names begin with another model's values, and no others do.
func TestStart(t *testing.T) {
	r := tiny(t)
	other, err := makeModel(r, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, p := range other.Params() {
		for i := range p.Data() {
			p.Data()[i]++
		}
	}
	dir := t.TempDir()
	if err := other.Save(dir); err != nil {
		t.Fatal(err)
	}
	r.Model.Start = StartSpec{Model: dir, Tensors: []string{"*.crossattention.*", "language_*"}}
	m, err := makeModel(r, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	before := values(m)
	if err := startFrom(m, r); err != nil {
		t.Fatal(err)
	}
	for name, x := range values(m) {
		begun := strings.Contains(name, ".crossattention.") || strings.HasPrefix(name, "language_")
		if want := values(other)[name]; begun && !slices.Equal(x, want) {
			t.Errorf("%s did not begin with the other model's values", name)
		}
		if !begun && !slices.Equal(x, before[name]) {
			t.Errorf("%s changed", name)
		}
	}
	r.Model.Start.Tensors = []string{"nothing"}
	if err := startFrom(m, r); err == nil || !strings.Contains(err.Error(), `"nothing" fits no tensor`) {
		t.Errorf("a glob that fits nothing: %v", err)
	}
	r.Model.Start.Model = filepath.Join(dir, "absent")
	if err := startFrom(m, r); err == nil {
		t.Error("a model that is not there was opened")
	}
}

// TestStartOfAHead: a picture's head that begins with another model's values puts pictures where that model does, landmarks and means included.
func TestStartOfAHead(t *testing.T) {
	r := tiny(t, "model.qformer.features=[tokens, pooled]", "model.qformer.encoder_hidden_size=16", "model.qformer.picture_landmarks=32", "model.qformer.picture_axes=4")
	other, err := makeModel(r, nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	random := rng(3, "values")
	for _, p := range other.Values() {
		for i := range p.Data() {
			p.Data()[i] = float32(random.NormFloat64()) / 4
		}
	}
	other.Bridge.Head.Landmarks.Rate.Data()[0] = 0.01
	other.Settle()
	dir := t.TempDir()
	if err := other.Save(dir); err != nil {
		t.Fatal(err)
	}
	r.Model.Start = StartSpec{Model: dir, Tensors: []string{"picture_head.*"}}
	m, err := makeModel(r, nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := startFrom(m, r); err != nil {
		t.Fatal(err)
	}
	where := func(m *blip2.Model) []float32 {
		run := tensor.NewRun(tensor.Options{})
		x := tensor.FromFloats(make([]float32, 3*m.Bridge.Head.In()), 3, m.Bridge.Head.In())
		for i := range x.Data() {
			x.Data()[i] = float32(i%7) / 7
		}
		return slices.Clone(m.Picture(run, m.Bridge.Head.Centre(run, x)).Data())
	}
	if got, want := where(m), where(other); !slices.Equal(got, want) {
		t.Errorf("pictures are put at %v, not at %v", got[:4], want[:4])
	}

	coarse := t.TempDir()
	if err := other.Convert(coarse, kernel.Q8_0); err != nil {
		t.Fatal(err)
	}
	r.Model.Start.Model = coarse
	fresh, err := makeModel(r, nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if err := startFrom(fresh, r); err != nil {
		t.Fatal(err)
	}
	for i, want := range other.Bridge.Head.Landmarks.Axes.Data() {
		if got := fresh.Bridge.Head.Landmarks.Axes.Data()[i]; math.Abs(float64(got-want)) > 0.01 {
			t.Fatalf("of a quantised model, number %d of the axes begins as %v, not as %v", i, got, want)
		}
	}
}

func values(m *blip2.Model) map[string][]float32 {
	out := map[string][]float32{}
	for _, p := range m.Params() {
		out[p.Name()] = slices.Clone(p.Data())
	}
	return out
}
