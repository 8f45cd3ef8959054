package blip2

import "testing"

// TestIsScene checks that a drawing on a plain ground is no scene, whatever its colour and whatever stands in the middle, and that a
// picture with something everywhere is one.
func TestIsScene(t *testing.T) {
	const h, w = 16, 20
	step := [3]float32{0.1, 0.1, 0.1}
	picture := func(at func(r, c int) float32) []float32 {
		x := make([]float32, 3*h*w)
		for i := range x {
			x[i] = at(i%(h*w)/w, i%w)
		}
		return x
	}
	for name, tt := range map[string]struct {
		x    []float32
		want bool
	}{
		"plain":          {picture(func(int, int) float32 { return 0.3 }), false},
		"a drawing":      {picture(func(r, c int) float32 { return toFloat(r > 4 && r < 12 && c > 4 && c < 16) }), false},
		"near the frame": {picture(func(r, c int) float32 { return toFloat(c < 6) }), false},
		"a scene":        {picture(func(r, c int) float32 { return float32((7*r+13*c)%10) / 10 }), true},
	} {
		if got := isScene(tt.x, h, w, step); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if isScene(make([]float32, 3), 1, 1, step) {
		t.Error("a single pixel is a scene")
	}
}

func toFloat(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
