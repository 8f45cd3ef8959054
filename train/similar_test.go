package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNearestPictures: by the cosine, the most similar last; never the picture itself, under whichever text.
func TestNearestPictures(t *testing.T) {
	k := &resemblance{members: []int{3, 4, 5, 6}, width: 2, vectors: []float32{1, 0, 1, 0, 0.8, 0.6, 0.6, 0.8}}
	pairs := []pair{3: {picture: 1}, 4: {picture: 1}, 5: {picture: 2}, 6: {picture: 3}}
	for member, want := range [][]int{{6, 5}, {6, 5}, {3, 6}, {3, 5}} {
		if got := k.nearest(pairs, member, 2); !slices.Equal(got, want) {
			t.Errorf("member %d: %v, want %v", member, got, want)
		}
	}
	if got := k.nearest(pairs, 0, 9); !slices.Equal(got, []int{6, 5}) {
		t.Errorf("of all: %v", got)
	}
}

// TestSimilar: on a page a picture stands behind those that are most like it. A concept has one text, of its own on some pages; what nothing
// before it tells is learnt on those alone, but for the last.
func TestSimilar(t *testing.T) {
	pairs, members := tenConcepts()
	for i := range pairs {
		pairs[i].picture = i
	}
	// A concept's pictures point nearly one way, the next concept's nearly the same.
	like := &resemblance{members: members, width: 2}
	for i := range pairs {
		x := float32(i/3) + 0.1*float32(i%3)
		like.vectors = append(like.vectors, 1-x/100, x/100)
	}
	e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{4, 5}, Similar: 1, Renamed: 0.5})
	e.like = like
	r := rand.New(rand.NewPCG(1, 2))
	count, answered := map[string]int{}, 0
	for range 300 {
		page := e.draw(r)
		last := page[len(page)-1]
		at := slices.Index(members, last.pair)
		others, shown := 0, false // pictures that are there for what they show
		for k, i := range like.nearest(pairs, at, len(page)-1) {
			if shown = shown || e.concept(page[k].pair) == e.concept(last.pair); page[k].pair == last.pair {
				t.Fatalf("%+v: a picture stands behind itself", page)
			}
			if page[k].pair != i {
				if others++; e.concept(page[k].pair) != e.concept(last.pair) {
					t.Fatalf("%+v: picture %d is not %d", page, k, i)
				}
			}
		}
		if others > 1 {
			t.Fatalf("%+v: %d of them are not the nearest", page, others)
		}
		if shown {
			answered++
		}
		of, kind := map[int]string{}, "own"
		for i, x := range page {
			c := e.concept(x.pair)
			text, again := of[c]
			if again && text != x.text {
				t.Fatalf("%+v: concept %d has two texts", page, c)
			}
			for other, said := range of {
				if other != c && said == x.text {
					t.Fatalf("%+v: %q is said of two concepts", page, said)
				}
			}
			if of[c] = x.text; i < len(page)-1 && x.text != pairs[x.pair].texts[0] {
				if kind = "nonce"; slices.ContainsFunc(pairs, func(p pair) bool { return p.texts[0] == x.text }) {
					kind = "renamed"
				}
			}
		}
		count[kind]++
		said := map[int]bool{}
		for i, x := range page {
			c := e.concept(x.pair)
			if want := kind == "own" || said[c] || i == len(page)-1; x.learn != want {
				t.Fatalf("%+v: picture %d is learnt from, or is not", page, i)
			}
			said[c] = true
		}
		if !last.learn || !said[e.concept(last.pair)] {
			t.Fatalf("%+v", page)
		}
		if first := page[0]; kind != "own" && first.text == pairs[first.pair].texts[0] {
			t.Fatalf("%+v: some have their own texts", page)
		}
	}
	if count["own"] < 50 || count["own"] > 100 || count["nonce"] < 80 || count["renamed"] < 80 || answered < 230 || answered == 300 {
		t.Errorf("%v, answered %d", count, answered)
	}
}

// TestSimilarStage: a stage looks at its dataset's pictures once, and a model that reads no summary of them cannot.
func TestSimilarStage(t *testing.T) {
	for features, fails := range map[string]bool{"[tokens, pooled]": false, "[tokens]": true} {
		r := tinyFlamingo(t, "model.flamingo.features="+features, "data.train.1.episodes={pictures: [2, 3], similar: 1}",
			"stages=[{kind: pages, steps: 1, batch: 2, lr: 1e-3}]")
		tr := begun(t, r)
		made, err := tr.subject.learner(&r.Stages[0], false)
		if (err != nil) != fails {
			t.Fatalf("%s: %v", features, err)
		}
		if err != nil {
			continue
		}
		l := made.(*gateLearner)
		at := slices.IndexFunc(l.sets, func(d dataset) bool { return d.episodes != nil })
		if like := l.sets[at].episodes.like; like == nil || len(like.vectors) != like.width*len(l.sets[at].members) {
			t.Fatal(fmt.Sprint("no vectors: ", like))
		}
		if again, err := tr.subject.learner(&r.Stages[0], false); err != nil || again.(*gateLearner).sets[at].episodes.like != l.sets[at].episodes.like {
			t.Errorf("another stage looks again (%v)", err)
		}
		if _, loss, err := l.losses(0); err != nil || !(loss.Data()[0] > 0) {
			t.Errorf("%v", err)
		}
	}
}
