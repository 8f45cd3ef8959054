package main

import (
	"math"
	"testing"

	"dragoman/model/blip2"
	"dragoman/tensor"
)

// TestBuiltInSummary: the last of what the built-in model's head reads of a picture are mean and largest value of each channel of the map at twice
// the resolution, each brought to a length of 6.
func TestBuiltInSummary(t *testing.T) {
	m, err := blip2.Open("mini:", blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p := m.Processor()
	pixels := tensor.FromFloats(make([]float32, p.Len()), 1, 3, p.Size[0], p.Size[1])
	for i := range pixels.Data() { // something everywhere: there is nothing to look nearer at
		pixels.Data()[i] = float32(i*7919%101)/50 - 1
	}
	run := tensor.NewRun(tensor.Options{})
	raw := make([]float32, m.FeatureLen())
	m.Encode(run, pixels, raw)
	got, fine := m.Summary(run, raw).Data(), m.Vision.Encode(run, pixels).Fine
	width, cells := fine.Dim(2), fine.Dim(1)
	want := make([]float64, 2*width)
	for c := range width {
		want[width+c] = math.Inf(-1)
		for i := range cells {
			v := float64(fine.Data()[i*width+c])
			want[c] += v / float64(cells)
			want[width+c] = max(want[width+c], v)
		}
	}
	for _, part := range [][]float64{want[:width], want[width:]} {
		var sum float64
		for _, v := range part {
			sum += v * v
		}
		for i := range part {
			part[i] *= 6 / math.Sqrt(sum)
		}
	}
	for i, v := range got[len(got)-len(want):] {
		if math.Abs(float64(v)-want[i]) > 1e-4 {
			t.Fatalf("number %d is %v, not %v", i, v, want[i])
		}
	}
}
