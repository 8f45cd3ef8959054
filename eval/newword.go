package eval

import (
	"context"
	"math/rand/v2"
	"slices"
)

// Word is what a model does with a word that nobody knows: examples show two concepts, half the examples each, under a new word each,
// in an order that is drawn; what is asked about are other pictures. One example shows the first alone.
type Word struct {
	N     int     `json:"n"`
	Ranks float64 `json:"ranks"` // the first word is likelier for a picture of the first concept than for one of the other: 50 by chance
	Used  float64 `json:"used"`  // it is what is said of a picture of the first concept
	Other float64 `json:"used_for_the_other"`
	False float64 `json:"used_for_neither"`  // either word is said of a picture of a third concept
	Named float64 `json:"named_for_neither"` // of that one, a content word of its own text or keywords is said
}

// word teaches two words and asks about three pictures.
func (e *fewShot) word(ctx context.Context, k int, r *rand.Rand, w *Word) error {
	chosen := r.Perm(len(e.names))[:3]
	var pictures [3][]int
	for i, c := range chosen {
		pictures[i] = slices.Clone(e.concepts[e.names[c]])
		r.Shuffle(len(pictures[i]), func(a, b int) { pictures[i][a], pictures[i][b] = pictures[i][b], pictures[i][a] })
	}
	words := [2]string{NonceWord(r), NonceWord(r)}
	var examples []shown
	for i := range k {
		of := i % 2
		examples = append(examples, shown{pictures[of][1+i/2%(len(pictures[of])-1)], words[of]})
	}
	r.Shuffle(k, func(a, b int) { examples[a], examples[b] = examples[b], examples[a] })
	p, err := e.open(ctx, examples, pictures[0][0], pictures[1][0], pictures[2][0])
	if err != nil {
		return err
	}
	var likely [3]float64
	for i, share := range []*float64{&w.Used, &w.Other, &w.False} {
		var said string
		if said, likely[i], err = e.ask(ctx, p, pictures[i][0], words[0]); err != nil {
			return err
		}
		*share += toOne(said == words[0] || i == 2 && k > 1 && said == words[1])
		if it := &e.set[pictures[i][0]]; i == 2 {
			w.Named += toOne(SharesContent(said, slices.Concat(it.References, it.Keywords)))
		}
	}
	w.Ranks += toOne(likely[0] > likely[1])
	return nil
}

// NonceWord is a word of two or three syllables that nobody knows.
func NonceWord(r *rand.Rand) string {
	const consonants, vowels = "bdfgklmnprstvwz", "aeiou"
	var word []byte
	for range 2 + r.IntN(2) {
		word = append(word, consonants[r.IntN(len(consonants))], vowels[r.IntN(len(vowels))])
	}
	return string(append(word, "bdgklmnprstx"[r.IntN(12)]))
}
