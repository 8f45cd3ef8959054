// Package weightstest compares what the project computes with values that a reference recorded in a safetensors file, in tests.
package weightstest

import (
	"math"
	"testing"

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
	t.Cleanup(func() { f.Close() })
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
func (g Golden) Near(name string, got []float32, tolerance float64) {
	g.t.Helper()
	want, _ := g.Floats(name)
	Near(g.t, name, got, want, tolerance)
}

// rounding is what a gradient that is nothing but rounding may be off by: that of a bias of keys, since a softmax does not see what
// all its scores have in common.
const rounding = 1e-7

// Near fails a test where the largest difference is more than tolerance of the largest value that is wanted.
func Near(t testing.TB, name string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	if worst, scale := Distance(got, want); !(worst <= tolerance*scale+rounding) {
		t.Errorf("%s: off by %g of %g", name, worst, scale)
	}
}

// Distance is the largest difference and the largest value that is wanted, of as many; NaN where there is one.
func Distance(got, want []float32) (worst, scale float64) {
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(want[i]-got[i])))
	}
	return worst, scale
}
