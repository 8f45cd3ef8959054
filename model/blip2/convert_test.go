package blip2

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/weights"
)

// TestConvert checks that a converted model opens, is smaller, and gives nearly what the model gave.
func TestConvert(t *testing.T) {
	m, err := Open("../../testdata/blip2-itm", Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dir := t.TempDir()
	if err := m.Convert(dir, kernel.F16); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(dir + "/" + packedName)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rounded := 0
	b := f.Names()
	for _, p := range m.Params() {
		w, ok := f.Lookup(p.Name())
		if !ok {
			t.Fatalf("%s is lost", p.Name())
		}
		x, err := w.Float32()
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range p.Data() {
			if d := math.Abs(float64(x[i] - v)); d > 1e-3*max(1, math.Abs(float64(v))) {
				t.Fatalf("%s[%d]: %v became %v", p.Name(), i, v, x[i])
			}
		}
		if w.Type == weights.F16 {
			rounded++
		}
	}
	if rounded < 10 || len(b) != len(m.Params()) {
		t.Errorf("%d of %d tensors rounded", rounded, len(b))
	}
}

// TestConvertExcept: matrices of a name that an exception fits are of its type, all others as asked for.
func TestConvertExcept(t *testing.T) {
	m, err := Open("../../testdata/blip2-itm", Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e, err := ParseException("*crossattention*=bf16")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Convert(dir, kernel.F16, e, Exception{"*.0.crossattention*", kernel.F32}); err != nil { // the first counts
		t.Fatal(err)
	}
	for _, nothing := range []string{"nothing", "*.bias"} {
		if err := m.Convert(t.TempDir(), kernel.F16, e, Exception{nothing, kernel.BF16}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", nothing)) {
			t.Errorf("an exception that fits nothing: %v", err)
		}
	}
	f, err := weights.Open(dir + "/" + packedName)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[weights.Type]int{}
	for _, name := range f.Names() {
		w, _ := f.Lookup(name)
		seen[w.Type]++
		if w.Type == weights.BF16 != (strings.Contains(name, "crossattention") && len(w.Shape) == 2) {
			t.Errorf("%s is %v", name, w.Type)
		}
	}
	if seen[weights.BF16] == 0 || seen[weights.F16] == 0 {
		t.Errorf("types %v", seen)
	}
	for _, wrong := range []string{"q4_1", "=q4_1", "[=q4_1", "a=q9"} {
		if _, err := ParseException(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
