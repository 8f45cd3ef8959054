package tokenizer

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// mergesOf is the list of merges that a SentencePiece vocabulary implies: every
// way to put a token together out of two, the highest score first. Tokens that
// are not normal (control, bytes) take no part.
func mergesOf(v vocabulary, scores []float64, normal func(id int32) bool) [][2]string {
	type implied struct {
		left, right int32
		runesLeft   int
		runesRight  int
		score       float64
	}
	var list []implied
	for i, token := range v.tokens {
		if !normal(int32(i)) {
			continue
		}
		for at := range token {
			if at == 0 {
				continue
			}
			left, okLeft := v.ids[token[:at]]
			right, okRight := v.ids[token[at:]]
			if okLeft && okRight && normal(left) && normal(right) {
				list = append(list, implied{
					left, right, utf8.RuneCountInString(token[:at]), utf8.RuneCountInString(token[at:]), scores[i],
				})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b implied) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.runesLeft, a.runesLeft), cmp.Compare(b.runesRight, a.runesRight))
	})
	merges := make([][2]string, len(list))
	for i, m := range list {
		merges[i] = [2]string{v.tokens[m.left], v.tokens[m.right]}
	}
	return merges
}
