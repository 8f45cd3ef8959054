package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// tenConcepts are pairs of ten concepts, three of each; the even ones have a tag in common, and so have the odd ones but for the last, which has none.
func tenConcepts() (pairs []pair, members []int) {
	for i := range 30 {
		c := i / 3
		p := pair{texts: []string{fmt.Sprint("name ", c)}, in: []membership{{set: "e", concept: fmt.Sprint(c)}}}
		if c < 9 {
			p.tags = []string{[]string{"even", "odd"}[c%2]}
		}
		pairs, members = append(pairs, p), append(members, i)
	}
	return pairs, members
}

// TestRenamed: concepts stand under the texts of others that are not on the page, and not under words that nobody knows; what is absent does not
// stand under a text that was given away.
func TestRenamed(t *testing.T) {
	pairs, members := tenConcepts()
	r := rand.New(rand.NewPCG(1, 2))
	e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{2, 6}, Nonce: 1, Absent: 0.5, Renamed: 0.5})
	var renamed, nonce int
	for range 400 {
		page := e.draw(r)
		of, known := map[string]string{}, false // texts, by concept
		for _, x := range page {
			concept := pairs[x.pair].as("e").concept
			if text, again := of[concept]; again && text != x.text {
				t.Fatalf("%+v: two texts for concept %s", page, concept)
			}
			of[concept] = x.text
		}
		for concept, text := range of {
			for other, said := range of {
				if other != concept && said == text {
					t.Fatalf("%+v: one text for two concepts", page)
				}
				if said == "name "+concept && other != concept {
					t.Fatalf("%+v: %s is said of another on its page", page, said)
				}
			}
		}
		for _, x := range page[:1] { // never what is absent
			known = slices.ContainsFunc(pairs, func(p pair) bool { return p.texts[0] == x.text })
			if x.text == pairs[x.pair].texts[0] || x.learn {
				t.Fatalf("%+v begins with a name of its own", page)
			}
		}
		if known {
			renamed++
		} else {
			nonce++
		}
	}
	if renamed < 160 || nonce < 160 {
		t.Errorf("%d pages in others' words, %d in words that nobody knows", renamed, nonce)
	}
}

// TestRelated: the concepts of a page have a tag in common, where the first has one.
func TestRelated(t *testing.T) {
	pairs, members := tenConcepts()
	for share, want := range map[float64][2]int{0: {60, 260}, 1: {300, 300}} {
		r := rand.New(rand.NewPCG(1, 2))
		e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{4, 4}, Repeated: 1, Related: share})
		related := 0
		for range 300 {
			tags, bare := map[string]bool{}, false
			for _, x := range e.draw(r) {
				if p := &pairs[x.pair]; len(p.tags) > 0 {
					tags[p.tags[0]] = true
				} else {
					bare = true
				}
			}
			if bare || len(tags) == 1 {
				related++
			}
		}
		if related < want[0] || related > want[1] {
			t.Errorf("related %v: %d pages of 300", share, related)
		}
	}
}
