package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"dragoman/bridge/linear"
	"dragoman/nn"
	"dragoman/tensor"
)

// TestSolveSymmetric: a·z is what was asked for, over several blocks of the factor.
func TestSolveSymmetric(t *testing.T) {
	const n, k = 2*solveBlock + 37, 3
	random := rand.New(rand.NewPCG(1, 2))
	root := make([]float64, n*n)
	for i := range root {
		root[i] = random.NormFloat64()
	}
	a, rows := make([]float32, n*n), make([]float32, n*k)
	for i := range n {
		for j := range n {
			var s float64
			for l := range n {
				s += root[i*n+l] * root[j*n+l]
			}
			a[i*n+j] = float32(s / n)
		}
		a[i*n+i]++
	}
	for i := range rows {
		rows[i] = float32(random.NormFloat64())
	}
	whole, want := append([]float32(nil), a...), append([]float32(nil), rows...)
	if err := solveSymmetric(a, rows, n); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		for c := range k {
			var s float64
			for j := range n {
				s += float64(whole[i*n+j]) * float64(rows[j*k+c])
			}
			if math.Abs(s-float64(want[i*k+c])) > 1e-4 {
				t.Fatalf("row %d, column %d: %v, want %v", i, c, s, want[i*k+c])
			}
		}
	}
	if err := solveSymmetric(make([]float32, 4), make([]float32, 2), 2); err == nil {
		t.Error("a singular matrix was solved")
	}
}

// TestRegression: with next to no ridge the landmarks say at each picture what its caption is, which a straight map cannot where
// the same input direction has to mean one thing in the middle and another at both ends.
func TestRegression(t *testing.T) {
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 1}).Trainable(true)
	h := linear.New(b, linear.Size{In: 2, Out: 2, Landmarks: 3, Axes: 2})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	x := []float32{-2, 1, 0, 1, 2, 1}
	captions := []int32{0, 1, 0}
	texts := tensor.FromFloats([]float32{1, 0, 0, 1}, 2, 2)
	r := regression{x: x, captions: captions, texts: texts, head: h}
	if err := r.solve(1, 1e-4); err != nil {
		t.Fatal(err)
	}
	run := tensor.NewRun(tensor.Options{})
	got := h.Forward(run, h.Centre(run, tensor.FromFloats(x, 3, 2))).Data()
	for i, c := range captions {
		for j := range 2 {
			if want := texts.Data()[int(c)*2+j]; math.Abs(float64(got[2*i+j]-want)) > 0.01 {
				t.Errorf("picture %d says %v, its caption is %v", i, got[2*i:2*i+2], texts.Data()[c*2:c*2+2])
			}
		}
	}
}

// TestRegressionOnViews: views count as pictures do. Those that are the picture itself change nothing, however many; others are said to be what it is.
func TestRegressionOnViews(t *testing.T) {
	const pictures, in, out, each = 9, 4, 3, 2
	random := rand.New(rand.NewPCG(3, 4))
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	x, texts := normal(pictures*in), tensor.FromFloats(normal(5*out), 5, out)
	var same, others []float32
	var captions []int32
	for i := range pictures {
		captions = append(captions, int32(i%5))
		for range each {
			same = append(same, x[i*in:(i+1)*in]...)
			for _, v := range x[i*in : (i+1)*in] {
				others = append(others, v+0.7*float32(random.NormFloat64()))
			}
		}
	}
	solved := func(views []float32, lambda float64) *linear.Head {
		b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 1}).Trainable(true)
		h := linear.New(b, linear.Size{In: in, Out: out, Landmarks: pictures, Axes: 3})
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		r := regression{x: x, views: views, captions: captions, texts: texts, head: h}
		if err := r.solve(lambda, 0.1); err != nil {
			t.Fatal(err)
		}
		return h
	}
	off := func(h *linear.Head, x []float32) (sum float64) {
		run := tensor.NewRun(tensor.Options{})
		got := h.Forward(run, h.Centre(run, tensor.FromFloats(x, len(x)/in, in))).Data()
		for i := range len(x) / in {
			for j := range out {
				d := float64(got[i*out+j] - texts.Data()[int(captions[i*pictures*in/len(x)])*out+j])
				sum += d * d
			}
		}
		return sum
	}
	var more []float32 // five copies of each picture
	for i := range pictures {
		for range 5 {
			more = append(more, x[i*in:(i+1)*in]...)
		}
	}
	thrice, sixfold, wide := solved(same, 3), solved(more, 6), solved(others, 3)
	if a, b := off(thrice, x), off(sixfold, x); math.Abs(a-b) > 1e-4*a {
		t.Errorf("pictures twice more: off by %v, five times by %v", a, b)
	}
	if a, b := off(thrice, others), off(wide, others); !(b < 0.9*a) {
		t.Errorf("views that were fitted to are off by %v, without that by %v", b, a)
	}
}
