package blip2

import (
	"slices"
	"testing"
)

func TestHintsAreTheBestInOrder(t *testing.T) {
	m := &Memory{Captions: []string{"cat", "dog", "bird", "fish"}}
	got := m.Hints([]float32{0.1, 0.9, 0.9, 0.3, 4, 3, 2, 1}, 3)
	want := [][]string{{"dog", "bird", "fish"}, {"cat", "dog", "bird"}}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("picture %d: %q, not %q", i, got[i], want[i])
		}
	}
	if got := m.Hints([]float32{1, 2, 3, 4}, 9)[0]; len(got) != 4 {
		t.Errorf("%d hints of 4 captions", len(got))
	}
}

func TestHintedPrompt(t *testing.T) {
	m := &Model{Config: Config{Extras: Extras{Prompt: "Caption:"}}}
	if got, want := m.HintedPrompt([]string{"a cat", "a dog"}), "Hints: a cat; a dog\nCaption:"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got := m.HintedPrompt(nil); got != "Caption:" {
		t.Errorf("without hints: %q", got)
	}
}
