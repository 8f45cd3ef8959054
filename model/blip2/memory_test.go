package blip2

import (
	"slices"
	"strings"
	"testing"

	"dragoman/tensor"
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

// TestLikely: hints that are far less likely than the first are left out.
func TestLikely(t *testing.T) {
	m := &Memory{Captions: []string{"cat", "dog", "bird"}}
	m.settle()
	hints, scores := []string{"dog", "bird", "cat"}, []float32{0.5, 0.9, 0.8} // of the first, e^−0.1/T and e^−0.4/T: 0.37 and 0.018 at 0.1
	for share, want := range map[float64]int{0: 3, 0.01: 3, 0.02: 2, 0.36: 2, 0.38: 1, 1: 1} {
		if got := m.Likely(hints, scores, 0.1, share); !slices.Equal(got, hints[:want]) {
			t.Errorf("at least %v as likely: %q", share, got)
		}
	}
}

// TestHintsOfAModel: a picture's hints are those that the model's own share leaves.
func TestHintsOfAModel(t *testing.T) {
	m := tinyModel(t)
	m.Config.Extras.Hints = 3
	texts := []string{"a cat", "a cup", "a red dog", "two birds"}
	run := tensor.NewRun(tensor.Options{})
	m.Remember(texts, m.EmbedTexts(run, texts), nil, nil)
	s := m.SeeFeatures(run, tinyFeatures(m, 1))
	all := m.HintsFor(run, s)
	if len(all) != 3 {
		t.Fatalf("%q where any caption may be a hint", all)
	}
	if m.Config.Extras.HintShare = 1; len(m.HintsFor(run, s)) != 1 || m.HintsFor(run, s)[0] != all[0] {
		t.Errorf("%q of %q are as likely as the first", m.HintsFor(run, s), all)
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

// TestMemoryKeepsKinds: kinds are written and read with the captions, and refused where they are not as many.
func TestMemoryKeepsKinds(t *testing.T) {
	m := tinyModel(t)
	texts, dir := []string{"a cat", "a cup"}, t.TempDir()
	m.Remember(texts, m.EmbedTexts(tensor.NewRun(tensor.Options{}), texts), nil, nil)
	m.Memory.Kinds, m.Memory.Classes = []string{"cat, animal", ""}, []string{"pug, dog, animal"}
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	m.Memory = nil
	if err := m.RestoreMemory(dir); err != nil {
		t.Fatal(err)
	}
	if got := m.Memory; !slices.Equal(got.kinds[0], []string{"cat", "animal"}) || got.kinds[1] != nil || !slices.Equal(got.classKinds[0], []string{"dog", "animal"}) {
		t.Errorf("%q and %q", got.kinds, got.classKinds)
	}
	m.Memory.Kinds = m.Memory.Kinds[:1]
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := m.RestoreMemory(dir); err == nil || !strings.Contains(err.Error(), "kinds of 1 captions, there are 2") {
		t.Error(err)
	}
}
