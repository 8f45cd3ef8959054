package blip2

import (
	"slices"
	"testing"
)

// TestUnsure: what is said beside a caption that is a guess.
func TestUnsure(t *testing.T) {
	m := &Memory{
		Captions: []string{"horse", "zebra", "cow face", "teapot"},
		Kinds:    []string{"horse, animal", "animal", "animal", ""},
		Classes:  []string{"beagle, dog, animal", "teapot", "pug, dog, animal"},
	}
	m.settle()
	near, teapot := []float32{0.31, 0.3, 0.29, -1}, []float32{-1, -1, -1, 0.3}
	guess := func(best int, p float64, scene bool) Guess {
		g := Guess{Class: []string{"beagle", "teapot", "pug"}[best], Probability: p, Scene: scene, kinds: map[string]float64{}}
		for _, k := range m.classKinds[best] {
			g.kinds[k] = p
		}
		return g
	}
	for _, tt := range []struct {
		name   string
		hints  []string
		scores []float32
		guess  Guess
		want   string
	}{
		{"a likely class, and what all agree on", []string{"horse", "zebra"}, near, guess(0, 0.6, false), "some dog, horse or beagle"},
		{"no likely class: the second caption", []string{"horse", "zebra"}, near, guess(0, 0.1, false), "some animal, horse or zebra"},
		{"the class is the caption", []string{"teapot", "horse"}, teapot, guess(1, 0.9, false), "teapot"},
		{"a kind that is said already", []string{"animal", "horse"}, near, guess(1, 0.1, false), "animal or horse"},
		{"nothing that they agree on", []string{"teapot", "horse"}, teapot, guess(0, 0.1, false), "teapot or horse"},
		{"a scene with a class", []string{"teapot", "horse"}, near, guess(2, 0.3, true), "teapot or pug"},
		{"a scene with a kind", []string{"teapot", "horse"}, near, Guess{Class: "pug", Probability: 0.15, Scene: true, kinds: map[string]float64{"dog": 0.6, "animal": 0.8}}, "some dog, teapot"},
		{"a scene of which captions know nothing", []string{"teapot", "horse"}, near, guess(0, 0.1, true), "teapot"},
	} {
		if got := m.Unsure(tt.hints, tt.scores, defaultTemperature, tt.guess); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestNarrowest: where breeds share the probability, the kind is dog rather than animal, and is not said twice.
func TestNarrowest(t *testing.T) {
	kinds := map[string]float64{"dog": 0.7, "animal": 0.9, "cat": 0.2}
	for said, want := range map[string]string{"teapot": "dog", "a hot dog": "animal", "Dog, animal": ""} {
		if got := narrowest(kinds, 0.5, said); got != want {
			t.Errorf("beside %q: %q, want %q", said, got, want)
		}
	}
	if got := narrowest(map[string]float64{"dog": 0.4, "animal": 0.49}, 0.5, ""); got != "" {
		t.Errorf("%q is not sure", got)
	}
}

// TestUnfamiliar: a caption whose own remembered pictures are all far is a guess, whatever else is near, and so is that of a scene.
func TestUnfamiliar(t *testing.T) {
	m := &Memory{Captions: []string{"cat", "dog"}, Landmarks: []int32{0, 0, 1}}
	m.settle()
	scores := []float32{0.9, 0.5}
	for _, tt := range []struct {
		name  string
		far   []float32
		scene bool
		score float32
		want  []string
	}{
		{"one picture is near", []float32{3, 1, 0.5}, false, 0.9, []string{"cat", "dog"}},
		{"only another's is", []float32{3, 2, 0.5}, false, 0.9, []string{"cat or dog", "cat or dog"}},
		{"a scene", []float32{3, 1, 0.5}, true, 0.9, []string{"cat", "cat"}},
		{"no pictures, a good score", nil, false, 0.9, []string{"cat", "dog"}},
		{"no pictures, a bad one", nil, false, 0.3, []string{"dog or cat", "dog or cat"}},
	} {
		scores[0] = tt.score
		hints := m.Hints(scores, 2)
		if tt.far == nil && tt.score < 0.5 {
			scores[1] = 0.35
		}
		m.guess(hints[0], scores, tt.far, defaultTemperature, Guess{Class: "fish", Probability: 0.1, Scene: tt.scene})
		if !slices.Equal(hints[0], tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, hints[0], tt.want)
		}
	}
}
