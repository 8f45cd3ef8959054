package eval

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"dragoman/model/flamingo"
	"dragoman/picture"
)

// shapes are items of recipes/tiny, three pictures of each of four colours; question is asked about each.
func shapes(t *testing.T, question string) (items []Item) {
	t.Helper()
	for _, colour := range []string{"red", "green", "blue", "yellow"} {
		for _, shape := range []string{"circle", "square", "ring"} {
			raw, err := os.ReadFile("../recipes/tiny/pictures/" + colour + "-" + shape + ".png")
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, Item{
				Name: colour + shape, Concept: colour, Question: question, References: []string{"a " + colour + " " + shape}, Keywords: []string{shape},
				Decode: func() (*picture.RGBA, error) { return picture.DecodeRGBA(raw, picture.Options{}) },
			})
		}
	}
	return items
}

func fresh(t *testing.T) *flamingo.Model {
	t.Helper()
	m, err := flamingo.Assemble(flamingo.Shape{
		Resampler: flamingo.ResamplerShape{Width: 24, Latents: 4, Layers: 1, Heads: 2, HeadDim: 16},
		Gated:     flamingo.GatedShape{First: true, Heads: 2, HeadDim: 16},
	}, flamingo.Parts{Vision: "../recipes/tiny/vision", Language: "../recipes/tiny/language", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// saysOnly is a model that says one token, again and again.
func saysOnly(t *testing.T, token string) *flamingo.Model {
	t.Helper()
	m := fresh(t)
	only := m.Tokenizer.Encode(token, false)
	if len(only) != 1 {
		t.Fatalf("%v", only)
	}
	for id := range int32(m.Language.Config().Vocab) {
		if id != only[0] {
			m.Rules.Never = append(m.Rules.Never, id)
		}
	}
	return m
}

// TestFewShot: every seed is a trial of its own, means and spreads are theirs, the same seeds give the same, and pictures that cannot be read
// do not count.
func TestFewShot(t *testing.T) {
	m, items := fresh(t), shapes(t, "")
	broken := Item{References: []string{"nothing"}, Concept: "red", Decode: func() (*picture.RGBA, error) { return nil, errors.New("broken") }}
	done, all := 0, map[int]bool{}
	o := FewShotOptions{Name: "set", Shots: []int{0, 3}, Seeds: []uint64{1, 2, 3}, Most: 5, MaxTokens: 3, Progress: func(n, of int) {
		if n != done+1 {
			t.Errorf("%d done behind %d", n, done)
		}
		done, all[of] = n, true
	}}
	r, err := FewShot(context.Background(), m, append(items, broken), o)
	if err != nil || r.N != len(items) || r.Skipped != 1 || len(r.Shots) != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if len(all) != 1 || !all[done] {
		t.Errorf("%d done, of %v", done, all)
	}
	if r.Others != 9 || r.TooFew() != "" { // of each colour there are three of the twelve
		t.Errorf("%d others: %q", r.Others, r.TooFew())
	}
	o.Progress = nil
	again, err := FewShot(context.Background(), m, items, o)
	if err != nil || again.Markdown() != r.Markdown() {
		t.Errorf("%v: again\n%snot\n%s", err, again.Markdown(), r.Markdown())
	}
	none, three := r.Shots[0], r.Shots[1]
	if len(r.Measures) != 13 || len(none.Mean) != 3 || len(three.Mean) != len(r.Measures) || len(three.Trials) != 3 {
		t.Errorf("%d measures, %v, %v", len(r.Measures), none.Mean, three.Mean)
	}
	var ranks [3]float64
	for i, trial := range three.Trials {
		if trial.Seed != o.Seeds[i] || trial.Right.Captions.N != 5 || trial.Wrong.Captions.N != 5 || trial.Word.N != 5 || trial.Form.N != 5 {
			t.Errorf("%+v", trial)
		}
		ranks[i] = trial.Word.Ranks
	}
	mean := (ranks[0] + ranks[1] + ranks[2]) / 3
	var square float64
	for _, v := range ranks {
		square += (v - mean) * (v - mean) / 2
	}
	if got := three.Mean["new word: ranks"]; math.Abs(got-mean) > 1e-9 {
		t.Errorf("a mean of %v, not %v", got, mean)
	}
	if got := three.Spread["new word: ranks"]; math.Abs(got-math.Sqrt(square)) > 1e-9 {
		t.Errorf("a spread of %v, not %v", got, math.Sqrt(square))
	}
	table := r.Markdown()
	if !strings.Contains(table, "| 0 | 15 |") || !strings.Contains(table, "± ") || !strings.Contains(table, "| – |") {
		t.Error(table)
	}
}

// TestFewShotQuestions: pictures with questions of their own are answered; others are asked the given one; and both together are refused.
func TestFewShotQuestions(t *testing.T) {
	m := fresh(t)
	o := FewShotOptions{Shots: []int{1}, Seeds: []uint64{1}, Most: 3, MaxTokens: 2}
	r, err := FewShot(context.Background(), m, shapes(t, "which?"), o)
	if err != nil || r.Shots[0].Trials[0].Right.Answers == nil || !slices.Contains(r.Measures, "exchanged: VQA accuracy") {
		t.Errorf("%+v %v", r, err)
	}
	if _, err = FewShot(context.Background(), m, append(shapes(t, "which?"), shapes(t, "")...), o); err == nil || !strings.Contains(err.Error(), "12 of 24 rows have a question") {
		t.Errorf("%v", err)
	}
	for question, want := range map[string]string{"": "<image> a red circle<|endofchunk|><image>", "what is it?": "<image>Question: what is it? Answer: a red circle<|endofchunk|><image>Question: what is it? Answer:"} {
		e := &fewShot{m: m, set: shapes(t, ""), o: FewShotOptions{Question: question}}
		before := m.Example(e.question(0), e.set[0].example())
		ids, err := m.Encode(append(before, m.Prompt(nil, flamingo.Shot{Pictures: 1, Question: e.question(1)})...))
		if text := m.Tokenizer.Decode(ids, false); err != nil || !strings.HasSuffix(text, want) {
			t.Errorf("%q: %q, %v", question, text, err)
		}
	}
	weighed := Item{References: []string{"a", "b"}, Weights: []float64{0.2, 0.8}}
	if weighed.example() != "b" || weighed.concept() != "b" {
		t.Errorf("the answer that counts most is not %q", weighed.example())
	}
}

// TestExchanged: no example keeps its text, and a single one gets that of a picture which is not on the page.
func TestExchanged(t *testing.T) {
	e := &fewShot{set: shapes(t, "")}
	r := rand.New(rand.NewPCG(1, 1))
	if got := e.exchanged([]shown{{0, "a"}, {1, "b"}, {2, "c"}}, r); !slices.Equal(got, []string{"b", "c", "a"}) {
		t.Errorf("%q", got)
	}
	if got := e.exchanged([]shown{{0, e.set[0].example()}}, r); len(got) != 1 || got[0] == e.set[0].example() {
		t.Errorf("%q", got)
	}
}

// TestNamesInTables: a set's name stays in its cell.
func TestNamesInTables(t *testing.T) {
	const name = "a|b\nc"
	for _, table := range []string{
		Markdown([]Report{{Name: name, Captions: &Captions{}, Answers: &Answers{}, Text: &Retrieval{}, Image: &Retrieval{}}}), ShotMarkdown([]ShotReport{{Name: name}}), FewShotReport{Name: name}.Markdown(), Forgetting{Name: name}.Markdown("a picture"),
	} {
		if !strings.Contains(table, `| a\|b c`) || strings.Contains(table, name) {
			t.Errorf("%s", table)
		}
	}
}

// TestNamedForNeither: a model that says one thing of every picture names those that no example showed where it is a word of theirs, and names
// none where it is not.
func TestNamedForNeither(t *testing.T) {
	m := saysOnly(t, "q")
	for word, want := range map[string]float64{"qqq": 100, "circle": 0} {
		items := shapes(t, "")
		for i := range items {
			items[i].Keywords = []string{word}
		}
		r, err := FewShot(t.Context(), m, items, FewShotOptions{Shots: []int{2}, Seeds: []uint64{1}, Most: 3, MaxTokens: 3})
		if err != nil {
			t.Fatal(err)
		}
		if w := r.Shots[0].Trials[0].Word; w.Named != want || w.Used != 0 || w.False != 0 || r.Shots[0].Mean["new word: neither named"] != want {
			t.Errorf("it says qqq, a keyword is %s: %+v", word, w)
		}
	}
}

// TestOthers: no picture is an example before itself, whatever the pictures show; of a set of one there are no examples.
func TestOthers(t *testing.T) {
	same := shapes(t, "")[:2]
	e := &fewShot{set: same, concepts: map[string][]int{"red": {0, 1}}}
	r := rand.New(rand.NewPCG(1, 1))
	for at := range same {
		for _, x := range e.examples(20, at, r) {
			if x.at == at || x.text != same[x.at].example() {
				t.Fatalf("before picture %d stands %+v", at, x)
			}
		}
	}
	if _, err := FewShot(t.Context(), fresh(t), same[:1], FewShotOptions{Shots: []int{1}, Seeds: []uint64{1}}); err == nil || !strings.Contains(err.Error(), "which has one") {
		t.Errorf("%v", err)
	}
	if r, err := FewShot(t.Context(), fresh(t), same[:1], FewShotOptions{Shots: []int{0}, Seeds: []uint64{1}, MaxTokens: 1}); err != nil || r.TooFew() != "" {
		t.Error(err, r.TooFew())
	}
}

// TestFewShotRoom: of more examples than the language model has room for the last are shown, and it is counted.
func TestFewShotRoom(t *testing.T) {
	m, items := fresh(t), shapes(t, "which of the colours is it?")
	o := FewShotOptions{Shots: []int{1, 8}, Seeds: []uint64{1}, Most: 2, MaxTokens: 3}
	r, err := FewShot(context.Background(), m, items, o)
	if err != nil || r.Shots[0].Trials[0].Cut != 0 || r.Shots[1].Trials[0].Cut != 2*(2+3) {
		t.Errorf("%+v %v", r.Shots, err)
	}
}

// TestNewForms: a form is kept by what begins and ends as it does and says something between; a model that has not the form's letters keeps none.
func TestNewForms(t *testing.T) {
	for _, c := range []struct {
		form, said, inside string
		kept               bool
	}{
		{"look, {}", "look, a cat", "a cat", true},
		{"look, {}", "a cat", "", false},
		{"look, {}", "look, ", "", false},
		{"I can see {} here", "I can see a cat here", "a cat", true},
		{"I can see {} here", "I can see a cat", "", false},
		{"{}!", "a cat!", "a cat", true},
		{"{}!", "!", "", false},
	} {
		inside, kept := keeps(c.form, c.said)
		if kept != c.kept || kept && inside != c.inside {
			t.Errorf("%q in %q: %q, %v", c.said, c.form, inside, kept)
		}
		if kept && InForm(c.form, inside) != c.said {
			t.Errorf("%q in %q is %q", inside, c.form, InForm(c.form, inside))
		}
	}
	for _, form := range newForms {
		if err := CheckForm(form); err != nil {
			t.Error(err)
		}
	}
	for _, form := range []string{"", "{}", " {}", "a cat", "{} {}", "{}! "} {
		if CheckForm(form) == nil {
			t.Errorf("%q is a form", form)
		}
	}
	m := saysOnly(t, "q")
	for form, want := range map[string]float64{"look, {}": 0, "q{}q": 100} {
		for word, named := range map[string]float64{"qqq": want, "circle": 0} {
			items := shapes(t, "")
			for i := range items {
				items[i].Keywords = []string{word}
			}
			r, err := FewShot(t.Context(), m, items, FewShotOptions{Shots: []int{2}, Seeds: []uint64{1}, Most: 3, MaxTokens: 5, Forms: []string{form}})
			if err != nil {
				t.Fatal(err)
			}
			if f := r.Shots[0].Trials[0].Form; f.Kept != want || f.Named != named || r.Shots[0].Mean["new form: kept"] != want {
				t.Errorf("it says qqqqq, the form is %q, a keyword %s: %+v", form, word, *f)
			}
		}
	}
}
