package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is cut out of the text before anything else looks
// at it.
type addedToken struct {
	text       string
	id         int32
	special    bool // left out by Decode on request
	singleWord bool // only between characters that are not of a word
	lstrip     bool // takes the white space before it
	rstrip     bool // takes the white space after it
	normalized bool // looked for in the normalised text
}

// addedTokens finds added tokens in text.
type addedTokens struct {
	list    []addedToken
	byText  map[string]int32
	byID    map[int32]string
	special map[int32]bool
	size    int // one more than the highest id
	raw     matcher
	normal  matcher // for the tokens that are looked for in normalised text
}

// matcher finds the longest token that begins at a place, by its first byte.
type matcher [256][]match

// match is what to look for, and the token that it stands for.
type match struct {
	text string
	addedToken
}

// newAddedTokens prepares the tokens; norm is the tokenizer's normaliser.
func newAddedTokens(tokens []addedToken, norm normalizer) addedTokens {
	a := addedTokens{list: tokens, byText: map[string]int32{}, byID: map[int32]string{}, special: map[int32]bool{}}
	for _, t := range tokens {
		a.byText[t.text] = t.id
		if t.special {
			a.special[t.id] = true
		}
		a.size = max(a.size, int(t.id)+1)
		into, text := &a.raw, t.text
		if t.normalized {
			into = &a.normal
			if norm != nil {
				text = norm.normalize(text)
			}
		}
		// As in the reference, an id gives back what is looked for.
		a.byID[t.id] = text
		if text != "" {
			into[text[0]] = append(into[text[0]], match{text, t})
		}
	}
	for _, m := range []*matcher{&a.raw, &a.normal} {
		for _, list := range m {
			slices.SortStableFunc(list, func(x, y match) int { return len(y.text) - len(x.text) })
		}
	}
	return a
}

// piece is an added token, or with id None a text between them; first says that
// the text begins with it.
type piece struct {
	text  string
	id    int32
	first bool
}

// split cuts the added tokens out of text, those of the raw or of the
// normalised text. Of tokens that begin at one place the longest is taken.
func (a *addedTokens) split(text string, normalized bool) []piece {
	m := &a.raw
	if normalized {
		m = &a.normal
	}
	var pieces []piece
	begin := 0
	for at := 0; at < len(text); {
		found := m.at(text, at)
		if found == nil {
			at++
			continue
		}
		from, to := at, at+len(found.text)
		at = to
		if found.singleWord && !standsAlone(text, from, to) {
			continue
		}
		if found.lstrip {
			from = max(begin, len(strings.TrimRightFunc(text[:from], unicode.IsSpace)))
		}
		if found.rstrip {
			to = len(text) - len(strings.TrimLeftFunc(text[to:], unicode.IsSpace))
		}
		if begin < from {
			pieces = append(pieces, piece{text[begin:from], None, begin == 0})
		}
		pieces = append(pieces, piece{"", found.id, false})
		begin, at = to, max(at, to)
	}
	if begin < len(text) {
		pieces = append(pieces, piece{text[begin:], None, begin == 0})
	}
	return pieces
}

// at is the longest token at text[at:], or nil.
func (m *matcher) at(text string, at int) *match {
	list := m[text[at]]
	for i := range list {
		if strings.HasPrefix(text[at:], list[i].text) {
			return &list[i]
		}
	}
	return nil
}

// standsAlone says whether text[from:to] has no character of a word before or
// after it.
func standsAlone(text string, from, to int) bool {
	before, n := utf8.DecodeLastRuneInString(text[:from])
	after, m := utf8.DecodeRuneInString(text[to:])
	return (n == 0 || !isWord(before)) && (m == 0 || !isWord(after))
}
