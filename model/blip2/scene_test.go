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

// TestAddition: a class is named where the picture is a scene, or unlike everything that is remembered; never beside a caption that
// fits.
func TestAddition(t *testing.T) {
	dog := Guess{Class: "beagle, dog", Kind: "dog", Probability: 0.6}
	unsure := Guess{Class: "beagle, dog", Kind: "dog", Probability: 0.1}
	scene := func(g Guess) Guess {
		g.Scene = true
		return g
	}
	for _, tt := range []struct {
		name  string
		guess Guess
		score float32
		want  string
	}{
		{"a drawing that is known", dog, 0.8, ""},
		{"a drawing that is not", dog, 0.2, "beagle, dog"},
		{"nor by the encoder", unsure, 0.2, ""},
		{"a scene", scene(dog), 0.8, "beagle, dog"},
		{"a scene with some dog", scene(unsure), 0.8, "dog"},
		{"a scene of something", scene(Guess{Class: "beagle, dog", Probability: 0.1}), 0.8, ""},
	} {
		if got := tt.guess.addition(tt.score); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestNarrowest: where breeds share the probability, the kind is dog rather than animal.
func TestNarrowest(t *testing.T) {
	if got := narrowest(map[string]float64{"dog, animal": 0.7, "animal": 0.9, "cat, animal": 0.2}); got != "dog, animal" {
		t.Errorf("%q", got)
	}
	if got := narrowest(map[string]float64{"dog, animal": 0.4, "animal": 0.49}); got != "" {
		t.Errorf("%q is not sure", got)
	}
}

func toFloat(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
