package blip2

import (
	"reflect"
	"slices"
	"testing"

	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// spot is a picture [3, side, side] of colour 0.5 with a square of 1 at row, column.
func spot(side, row, column, size int) []float32 {
	x := make([]float32, 3*side*side)
	for i := range x {
		x[i] = 0.5
		if r, c := i/side%side, i%side; r >= row && r < row+size && c >= column && c < column+size {
			x[i] = 1
		}
	}
	return x
}

// TestNearer: a small thing in a corner comes to fill the frame but for its margin, wherever it stands, even at the edge.
func TestNearer(t *testing.T) {
	const side = 56
	step := [3]float32{0.05, 0.05, 0.05}
	want := spot(side, 3, 3, 50) // 50 of 56 are left by 6 % on either side
	for _, at := range [][2]int{{20, 12}, {0, 30}, {31, 31}} {
		got := make([]float32, len(want))
		if !nearer(got, spot(side, at[0], at[1], 25), side, side, step) {
			t.Fatalf("a thing of 25 pixels at %v is not looked at", at)
		}
		for i := range got {
			if r, c := i/side%side, i%side; min(r, c) < 2 || max(r, c) > 53 || min(r, c) > 4 && max(r, c) < 51 {
				if got[i] != want[i] {
					t.Fatalf("%v: pixel %d,%d is %v, not %v", at, r, c, got[i], want[i])
				}
			}
		}
	}
	for name, x := range map[string][]float32{
		"nothing":               spot(side, 0, 0, 0),
		"what is near enough":   spot(side, 3, 3, 50),
		"what fills its frame":  stripes(side),
		"a thing on two pixels": spot(2, 0, 0, 1),
	} {
		n := side
		if len(x) == 12 {
			n = 2
		}
		if nearer(make([]float32, len(x)), x, n, n, step) {
			t.Errorf("%s is looked at from near", name)
		}
	}
}

func stripes(side int) []float32 {
	x := make([]float32, 3*side*side)
	for i := range x {
		x[i] = float32(i % side % 7)
	}
	return x
}

// TestNearSummary: the second look makes the summary, and nothing else; nobody observes it, and each picture of a batch has its own.
func TestNearSummary(t *testing.T) {
	m := tinyModel(t, func(c *Config) {
		c.Extras.Features, c.Extras.Summary = []string{kindTokens}, []string{kindMean, kindLargest}
		c.Extras.PictureHead, c.Extras.Nearer = 8, true
	})
	p := m.Vision.Processor()
	side, step := p.Size[0], m.colourStep()
	small, large := spot(side, 1, 1, side/3), spot(side, 0, 0, side)
	near := make([]float32, len(small))
	if !nearer(near, small, side, side, step) {
		t.Fatal("the small thing is not looked at")
	}
	encode := func(x []float32, look bool) ([]float32, []weights.Tensor) {
		m.Config.Extras.Nearer = look
		seen := model.NewRecorder(nil, false)
		run := tensor.NewRun(tensor.Options{Observer: seen})
		n := len(x) / len(small)
		raw := make([]float32, n*m.FeatureLen())
		m.Encode(run, tensor.FromFloats(x, n, 3, side, side), raw)
		return raw, seen.Out
	}
	n, width := m.FeatureLen(), summaryWidth(m.groups)
	plain, observed := encode(small, false)
	_, also := encode(small, true)
	both, _ := encode(slices.Concat(large, small), true)
	of, _ := encode(near, false)
	alone, _ := encode(large, false)
	if got := both[n:]; !slices.Equal(got[:n-width], plain[:n-width]) || !slices.Equal(got[n-width:], of[n-width:]) || slices.Equal(of[n-width:], plain[n-width:]) {
		t.Error("the second look makes more, or less, than the summary")
	}
	if !slices.Equal(both[:n], alone) {
		t.Error("a picture without ground changed beside one with ground")
	}
	if len(observed) == 0 || !reflect.DeepEqual(observed, also) {
		t.Error("the second look was observed")
	}
}

// TestSummaryBesideTokens: a linear soft prompt reads a summary of tokens that the queries read as they are.
func TestSummaryBesideTokens(t *testing.T) {
	m := tinyModel(t, func(c *Config) {
		c.Extras.Summary, c.Extras.SoftPrompt = []string{kindMean}, softLinear
	})
	p := m.Vision.Processor()
	side := p.Size[0]
	pixels := tensor.FromFloats(slices.Concat(spot(side, 1, 1, side/3), spot(side, 0, 0, side)), 2, 3, side, side)
	run := tensor.NewRun(tensor.Options{})
	seen := m.See(run, pixels)
	raw := make([]float32, 2*m.FeatureLen())
	m.Encode(run, pixels, raw)
	v, width := m.Features(run, raw), m.groups[0].width
	tokens := m.Vision.Encode(run, pixels).Tokens
	if !slices.Equal(v.Tokens.Data(), tokens.Data()) {
		t.Error("the tokens are not the encoder's")
	}
	mean := make([]float32, width)
	moments(mean, tokens.Data()[tokens.Len()/2:], false)
	if !slices.Equal(v.Summary.Data()[width:], mean) {
		t.Error("the summary is not the mean of the tokens")
	}
	if soft := m.Soft(run, seen); slices.Equal(soft.Data()[:soft.Len()/2], soft.Data()[soft.Len()/2:]) {
		t.Error("two pictures have the same soft prompt")
	}
}
