package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizers apply one after the other, each to the words of the one before.
type preTokenizers []preTokenizer

func (list preTokenizers) split(words []word, w word) []word {
	now := []word{w}
	for _, p := range list {
		var next []word
		size := 0
		for _, w := range now {
			size += len(w.text)
			if w.text != "" {
				next = p.split(next, w)
			}
		}
		if grownTooLong(size, len(w.text)) {
			break
		}
		now = next
	}
	return append(words, now...)
}

// fixedLength splits into words of so many characters.
type fixedLength int

func (n fixedLength) split(words []word, w word) []word {
	from, count := 0, 0
	for at := range w.text {
		if count == int(n) {
			words = append(words, word{w.text[from:at], w.first && from == 0})
			from, count = at, 0
		}
		count++
	}
	return append(words, word{w.text[from:], w.first && from == 0})
}

// behaviour is what becomes of the delimiters that a text is split at.
type behaviour uint8

const (
	removed behaviour = iota
	isolated
	mergedWithPrevious
	mergedWithNext
	contiguous // a run of delimiters is one word
)

// splitBy splits at what a splitter finds, or with invert at what it does not
// find.
type splitBy struct {
	pattern   splitter
	behaviour behaviour
	invert    bool
}

func (s splitBy) split(words []word, w word) []word {
	var parts []part
	at := 0
	for _, span := range s.pattern.find(w.text) {
		if span[0] > at {
			parts = append(parts, part{at, span[0], s.invert})
		}
		parts = append(parts, part{span[0], span[1], !s.invert}) // may be empty, and still keeps its neighbours apart
		at = span[1]
	}
	if at < len(w.text) {
		parts = append(parts, part{at, len(w.text), s.invert})
	}
	for _, p := range s.behaviour.apply(parts) {
		if p.from < p.to {
			words = append(words, word{w.text[p.from:p.to], w.first && p.from == 0})
		}
	}
	return words
}

// part is a run of a text that is a delimiter or lies between two.
type part struct {
	from, to  int
	delimiter bool
}

// apply drops or joins parts.
func (b behaviour) apply(parts []part) []part {
	out := parts[:0:0]
	previous := false // whether the part before was a delimiter
	for i, p := range parts {
		joined := false
		switch b {
		case removed:
			if p.delimiter {
				continue
			}
		case mergedWithPrevious:
			joined = p.delimiter && i > 0 && !previous
		case mergedWithNext:
			joined = !p.delimiter && i > 0 && previous
		case contiguous:
			joined = i > 0 && p.delimiter == previous
		}
		if joined {
			out[len(out)-1].to = p.to
		} else {
			out = append(out, p)
		}
		previous = p.delimiter
	}
	return out
}

// splitter finds the places of a pattern, from left to right.
type splitter interface{ find(text string) [][2]int }

// literal finds a text.
type literal string

func (l literal) find(text string) (spans [][2]int) {
	if l == "" {
		return nil
	}
	for at := 0; ; {
		i := strings.Index(text[at:], string(l))
		if i < 0 {
			return spans
		}
		spans = append(spans, [2]int{at + i, at + i + len(l)})
		at += i + len(l)
	}
}

// runes finds the characters that a predicate accepts, one by one.
type runes func(r rune) bool

func (accept runes) find(text string) (spans [][2]int) {
	for i, r := range text {
		if accept(r) {
			spans = append(spans, [2]int{i, i + utf8.RuneLen(r)})
		}
	}
	return spans
}

// gpt2Words finds GPT-2's words, which cover the text.
type gpt2Words struct{}

func (gpt2Words) find(text string) (spans [][2]int) {
	for at := 0; at < len(text); {
		n := gpt2Word(text[at:])
		spans = append(spans, [2]int{at, at + n})
		at += n
	}
	return spans
}

// wordRuns finds \w+|[^\w\s]+.
type wordRuns struct{}

func (wordRuns) find(text string) (spans [][2]int) {
	const space, letters, symbols = 0, 1, 2
	begin, kind := 0, space
	for i, r := range text {
		now := symbols
		if isWord(r) {
			now = letters
		} else if unicode.IsSpace(r) {
			now = space
		}
		if now != kind {
			if kind != space {
				spans = append(spans, [2]int{begin, i})
			}
			begin, kind = i, now
		}
	}
	if kind != space {
		spans = append(spans, [2]int{begin, len(text)})
	}
	return spans
}

// The pre-tokenisers that are a split at a class of characters.
var (
	whitespaceSplit = splitBy{runes(unicode.IsSpace), removed, false}
	// A word is what the pattern finds, the rest is white space.
	whitespace      = splitBy{wordRuns{}, removed, true}
	eachDigit       = splitBy{runes(isNumeric), isolated, false}
	digitRuns       = splitBy{runes(isNumeric), contiguous, false}
	bertPreTokenize = preTokenizers{whitespaceSplit, splitBy{runes(isPunctuation), isolated, false}}
)

// prependScheme says where Metaspace puts its mark before a word that has none.
type prependScheme uint8

const (
	prependAlways prependScheme = iota
	prependFirst                // only at the beginning of the whole text
	prependNever
)

// metaspace is SentencePiece's way with spaces: each becomes a mark that
// belongs to the word after it.
type metaspace struct {
	mark    string
	prepend prependScheme
	words   bool
}

func (m metaspace) split(words []word, w word) []word {
	text := strings.ReplaceAll(w.text, " ", m.mark)
	if (m.prepend == prependAlways || m.prepend == prependFirst && w.first) && !strings.HasPrefix(text, m.mark) {
		text = m.mark + text
	}
	if !m.words {
		return append(words, word{text, w.first})
	}
	return splitBy{literal(m.mark), mergedWithNext, false}.split(words, word{text, w.first})
}

// marksFirst says whether it matters where a text begins.
func marksFirst(p preTokenizer) bool {
	switch p := p.(type) {
	case metaspace:
		return p.prepend == prependFirst
	case preTokenizers:
		return slices.ContainsFunc(p, marksFirst)
	}
	return false
}

func (m metaspace) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		space := " "
		if i == 0 && m.prepend != prependNever {
			space = ""
		}
		out[i] = strings.ReplaceAll(token, m.mark, space)
	}
	return out
}
