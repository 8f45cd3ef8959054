package train

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/model/blip2"
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

func values(m *blip2.Model) map[string][]float32 {
	out := map[string][]float32{}
	for _, p := range m.Params() {
		out[p.Name()] = slices.Clone(p.Data())
	}
	return out
}
