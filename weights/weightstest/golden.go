// Package weightstest compares what the project computes with values that a reference recorded in a safetensors file, in tests.
package weightstest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"dragoman/tensor"
	"dragoman/weights"
)

// Golden is a file of recorded values. What it lacks ends the test.
type Golden struct {
	*weights.File
	t testing.TB
}

// Open opens a file until the test ends.
func Open(t testing.TB, path string) Golden {
	t.Helper()
	f, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return Golden{f, t}
}

// Floats is a tensor's values and its shape.
func (g Golden) Floats(name string) ([]float32, []int) {
	g.t.Helper()
	w, ok := g.Lookup(name)
	if !ok {
		g.t.Fatalf("%s is not among the recorded values", name)
	}
	x, err := w.Float32()
	if err != nil {
		g.t.Fatal(err)
	}
	return x, w.Shape
}

// IDs is a matrix of whole numbers, such as token ids.
func (g Golden) IDs(name string) (ids []int32, rows, length int) {
	g.t.Helper()
	x, shape := g.Floats(name)
	ids = make([]int32, len(x))
	for i, v := range x {
		ids[i] = int32(v)
	}
	return ids, shape[0], shape[len(shape)-1]
}

// Mask is a tensor of ones and zeros.
func (g Golden) Mask(name string) []uint8 {
	g.t.Helper()
	x, _ := g.Floats(name)
	mask := make([]uint8, len(x))
	for i, v := range x {
		mask[i] = uint8(v)
	}
	return mask
}

// Near compares values with the recorded ones of a name.
func (g Golden) Near(name string, got []float32, tolerance, rounding float64) {
	g.t.Helper()
	want, _ := g.Floats(name)
	Near(g.t, name, got, want, tolerance, rounding)
}

// Near fails a test where the largest difference is more than tolerance of the largest value that is wanted, and rounding. That is for
// gradients that are nothing else: of a bias of keys, since a softmax does not see what all its scores have in common.
func Near(t testing.TB, name string, got, want []float32, tolerance, rounding float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	if worst, scale := Distance(got, want); !(worst <= tolerance*scale+rounding) {
		t.Errorf("%s: off by %g of %g", name, worst, scale)
	}
}

// Traced compares what was traced with all that is wanted: gradients to a thousandth of their scale, else to 1e-4. What padding becomes may
// be nobody's concern: then it is 0 in what is wanted; in's attention_mask says what is padding.
func Traced(t testing.TB, got []weights.Tensor, want, in weights.Source, rounding float64) {
	t.Helper()
	padding, masked := in.Lookup("attention_mask")
	var mask []float32
	if masked {
		var err error
		if mask, err = padding.Float32(); err != nil {
			t.Fatal(err)
		}
	}
	seen := weights.NewMemory(got...)
	for _, name := range want.Names() {
		w, _ := want.Lookup(name)
		g, ok := seen.Lookup(name)
		if !ok {
			t.Errorf("%s was not traced", name)
			continue
		}
		x, _ := g.Float32()
		y, err := w.Float32()
		if err != nil || len(x) != len(y) {
			t.Errorf("%s: %v, want %v (%v)", name, g.Shape, w.Shape, err)
			continue
		}
		if masked && len(w.Shape) == 3 && slices.Equal(w.Shape[:2], padding.Shape) {
			for i := range x {
				if y[i] == 0 {
					x[i] *= mask[i/w.Shape[2]]
				}
			}
		}
		tolerance := 1e-4
		if strings.HasPrefix(name, "grad.") {
			tolerance = 1e-3
		}
		Near(t, name, x, y, tolerance, rounding)
	}
}

// Recorder is an observer that copies what passes: modules' outputs, by their paths.
type Recorder map[string][]float32

// Module keeps an output.
func (r Recorder) Module(path string, out *tensor.Tensor) { r[path] = slices.Clone(out.Data()) }

// WantsModule says that all outputs are wanted.
func (r Recorder) WantsModule(string) bool { return true }

// WantsMap says that no attention weights are.
func (r Recorder) WantsMap(string) bool { return false }

// Map is never called.
func (r Recorder) Map(string, *tensor.Tensor) {}

// Distance is the largest difference and the largest value that is wanted, of as many; NaN where there is one.
func Distance(got, want []float32) (worst, scale float64) {
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(want[i]-got[i])))
	}
	return worst, scale
}
