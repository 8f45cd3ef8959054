package train

import (
	"slices"

	"dragoman/data"
	"dragoman/model/blip2"
)

// labels numbers all captions, equal ones alike, and remembers how they are tokenised.
type labels struct {
	number map[string]int32
	texts  []string
	ids    map[string][]int32
}

// newLabels numbers the captions of lists of pairs, and tells each pair which are said of its picture; a list's pictures have their own numbers.
func newLabels(lists ...[]pair) *labels {
	l := &labels{number: map[string]int32{}, ids: map[string][]int32{}}
	for _, list := range lists {
		said := map[int][]int32{} // of each picture
		for i := range list {
			p := &list[i]
			for _, text := range p.texts {
				if n := l.of(text); !slices.Contains(said[p.picture], n) {
					said[p.picture] = append(said[p.picture], n)
				}
			}
		}
		for i := range list {
			list[i].said = said[list[i].picture]
		}
	}
	return l
}

// of is a caption's number.
func (l *labels) of(text string) int32 {
	n, ok := l.number[text]
	if !ok {
		n = int32(len(l.texts))
		l.number[text] = n
		l.texts = append(l.texts, text)
	}
	return n
}

// words are a caption's tokens for the text stream.
func (l *labels) words(m *blip2.Model, text string, limit int) []int32 {
	if m.Words == nil {
		return nil
	}
	ids, ok := l.ids[text]
	if !ok {
		ids = m.TextIDs(text, limit)
		l.ids[text] = ids
	}
	return ids
}

// hold splits pairs into those to train on and those of a share of the pictures, which are held out with all that is said of them.
func hold(pairs []pair, share float64, seed uint64) (train, held []pair) {
	pictures, place := different(pairs)
	drawn := make([]bool, len(pictures)) // from these
	for i, p := range pairs {
		drawn[place[i]] = drawn[place[i]] || !p.kept
	}
	var from []int
	for n, d := range drawn {
		if d {
			from = append(from, n)
		}
	}
	_, h := data.Split(len(from), share, mix(seed, "hold"))
	out := make([]bool, len(pictures))
	for _, n := range h {
		out[from[n]] = true
	}
	for i, p := range pairs {
		if out[place[i]] {
			held = append(held, p)
		} else {
			train = append(train, p)
		}
	}
	return train, held
}

// some picks at most limit pairs, always the same, in their order.
func some(pairs []pair, limit int, seed uint64) []pair {
	if len(pairs) <= limit {
		return pairs
	}
	out := make([]pair, 0, limit)
	chosen := data.Order(len(pairs), mix(seed, "some"), 0)[:limit]
	slices.Sort(chosen)
	for _, i := range chosen {
		out = append(out, pairs[i])
	}
	return out
}
