package train

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestEpisodes checks what episodes are: that words nobody knows are not to be predicted the first time, that a concept keeps its word, and
// that to say again what was said last is wrong more often than right.
func TestEpisodes(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		pairs = append(pairs, pair{texts: []string{string(rune('a' + i/3))}, in: []membership{
			{set: "others", concept: "nothing"}, {set: "e", concept: string(rune('a' + i/3)), style: string(rune('x' + i%3))},
		}})
		members = append(members, i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{1, 6}, Nonce: 1})
	again, all := 0, 0
	for range 300 {
		page := e.draw(r)
		if !slices.ContainsFunc(page, func(x example) bool { return x.learn }) {
			t.Fatalf("%+v: nothing is learnt of it", page)
		}
		words := map[string]string{}
		for i, x := range page {
			concept := pairs[x.pair].as("e").concept
			if word, shown := words[concept]; shown != x.learn || shown && word != x.text {
				t.Fatalf("%+v: %q of %s", page, x.text, concept)
			}
			words[concept] = x.text
			if i > 0 {
				all++
				if x.text == page[i-1].text {
					again++
				}
			}
		}
	}
	if again*2 > all {
		t.Errorf("what was said last is right in %d of %d", again, all)
	}
	plain := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{3, 3}}).draw(r)
	for _, x := range plain {
		if !x.learn || x.text != pairs[x.pair].texts[0] || pairs[x.pair].as("e").style != pairs[plain[0].pair].as("e").style {
			t.Errorf("%+v", plain)
		}
	}
}

// TestAbsent: among words that nobody knows stands, where the recipe says so, one picture of a concept that none of them is of, never the first,
// under its own text, which is learnt.
func TestAbsent(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		concept := string(rune('a' + i/3))
		pairs = append(pairs, pair{texts: []string{concept}, in: []membership{{set: "e", concept: concept}}})
		members = append(members, i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for share, want := range map[float64][2]int{1: {300, 300}, 0.5: {110, 190}} {
		e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{1, 6}, Nonce: 1, Absent: share})
		pages, last := 0, 0
		for range 300 {
			page := e.draw(r)
			if len(page) > 6 || !slices.ContainsFunc(page, func(x example) bool { return x.learn }) {
				t.Fatalf("%+v", page)
			}
			count, own := map[string]int{}, -1
			for i, x := range page {
				of := &pairs[x.pair]
				count[of.as("e").concept]++
				if x.text == of.texts[0] {
					if own >= 0 || i == 0 || !x.learn {
						t.Fatalf("%+v", page)
					}
					own = i
				}
			}
			if own < 0 {
				continue
			}
			if pages++; own == len(page)-1 {
				last++
			}
			if count[pairs[page[own].pair].as("e").concept] != 1 {
				t.Errorf("%+v: the concept under its own text has a word, too", page)
			}
		}
		if pages < want[0] || pages > want[1] || last == pages {
			t.Errorf("%v of the pages: %d, at the end in %d", share, pages, last)
		}
	}
}

// TestForms: all texts of a page are in one form, which is not learnt from the first, as nothing tells it there; without a form they are as they are.
func TestForms(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		pairs = append(pairs, pair{texts: []string{string(rune('a' + i/3))}, in: []membership{{set: "e", concept: string(rune('a' + i/3))}}})
		members = append(members, i)
	}
	forms := []string{"{}", "this is {}", "{}!"}
	e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{1, 4}, Nonce: 0.3, Repeated: 0.3, Forms: forms})
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 300 {
		page := e.draw(r)
		form := "{}"
		switch text := page[0].text; {
		case strings.HasPrefix(text, "this is "):
			form = forms[1]
		case strings.HasSuffix(text, "!"):
			form = forms[2]
		}
		seen[form]++
		before, after, _ := strings.Cut(form, "{}")
		for i, x := range page {
			if !strings.HasPrefix(x.text, before) || !strings.HasSuffix(x.text, after) || len(x.text) == len(before+after) {
				t.Fatalf("%q in %+v", form, page)
			}
			if i == 0 && x.learn && form != "{}" {
				t.Fatalf("%q is learnt from %+v", form, page)
			}
		}
		if len(page) > 3 && form != "{}" && !page[len(page)-1].learn && !page[len(page)-2].learn {
			t.Fatalf("nothing is learnt from %+v", page)
		}
	}
	for _, form := range forms {
		if seen[form] < 60 {
			t.Errorf("%q on %d pages of 300", form, seen[form])
		}
	}
}

// TestEpisodesThatTeach: of a page that is cut before anything is to be predicted another is drawn; that there is none such is said.
func TestEpisodesThatTeach(t *testing.T) {
	drawn := func(settings ...string) (*sheet, error) {
		g := &gating{trainer: newTrainer(tinyFlamingo(t, append(settings, "report=[]")...), Options{})}
		defer g.close()
		if err := g.openData(context.Background()); err != nil {
			t.Fatal(err)
		}
		var err error
		if g.system, err = g.open(); err != nil {
			t.Fatal(err)
		}
		l, err := g.learner(&Stage{Kind: KindPages, Batch: 8, Sets: []SetSpec{{Name: episodesName, Batch: 8}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		return l.(*gateLearner).draw(0, 0)
	}
	s, err := drawn("data.train.1.episodes.nonce=0.7", "data.max_tokens=12")
	if err != nil || len(s.lessons) != 8 {
		t.Fatal(len(s.lessons), err)
	}
	for _, lesson := range s.lessons {
		if !lesson.Teaches() {
			t.Error("nothing is learnt of a page")
		}
	}
	if _, err := drawn("data.train.1.episodes={pictures: [3, 4], nonce: 1}", "data.max_tokens=6"); err == nil || !strings.Contains(err.Error(), "episodes: of no page is anything to be predicted") {
		t.Errorf("%v", err)
	}
}
