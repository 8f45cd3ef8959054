package train

import (
	"dragoman/data"
	"dragoman/model/blip2"
)

// labels numbers all captions, equal ones alike, and remembers how they are tokenised.
type labels struct {
	number map[string]int32
	texts  []string
	ids    map[string][]int32
}

func newLabels(lists ...[]pair) *labels {
	l := &labels{number: map[string]int32{}, ids: map[string][]int32{}}
	for _, list := range lists {
		for i := range list {
			for _, text := range list[i].texts {
				l.of(text)
			}
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

// hold splits pairs into those to train on and a share that is held out.
func hold(pairs []pair, share float64, seed uint64) (train, held []pair) {
	t, h := data.Split(len(pairs), share, mix(seed, "hold"))
	for _, i := range t {
		train = append(train, pairs[i])
	}
	for _, i := range h {
		held = append(held, pairs[i])
	}
	return train, held
}

// some picks at most limit pairs, always the same.
func some(pairs []pair, limit int, seed uint64) []pair {
	if len(pairs) <= limit {
		return pairs
	}
	out := make([]pair, 0, limit)
	for _, i := range data.Order(len(pairs), mix(seed, "some"), 0)[:limit] {
		out = append(out, pairs[i])
	}
	return out
}
