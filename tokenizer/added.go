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

// matcher finds the longest token that begins at a place.
type matcher struct {
	tokens  map[string]addedToken
	lengths [256][]int // of the tokens by their first byte, the longest first
}

// add enters what to look for, and the token that it stands for. Of two tokens
// of one text the first stays.
func (m *matcher) add(text string, t addedToken) {
	if _, twice := m.tokens[text]; twice || text == "" {
		return
	}
	if m.tokens == nil {
		m.tokens = map[string]addedToken{}
	}
	m.tokens[text] = t
	list := &m.lengths[text[0]]
	at, found := slices.BinarySearchFunc(*list, len(text), func(a, b int) int { return b - a })
	if !found {
		*list = slices.Insert(*list, at, len(text))
	}
}

// at is the longest token at text[at:], and its length there; 0 for none.
func (m *matcher) at(text string, at int) (t addedToken, length int) {
	for _, n := range m.lengths[text[at]] {
		if n <= len(text)-at {
			if t, ok := m.tokens[text[at:at+n]]; ok {
				return t, n
			}
		}
	}
	return t, 0
}

// newAddedTokens prepares the tokens; norm is the tokenizer's normaliser.
func newAddedTokens(tokens []addedToken, norm normalizer) addedTokens {
	a := addedTokens{list: tokens, byText: map[string]int32{}, byID: map[int32]string{}, special: map[int32]bool{}}
	special := map[string]bool{}
	for _, t := range tokens {
		special[t.text] = special[t.text] || t.special
	}
	for _, t := range tokens {
		a.byText[t.text] = t.id
		a.size = max(a.size, int(t.id)+1)
		into, text := &a.raw, t.text
		if t.normalized {
			into = &a.normal
			if norm != nil {
				text = norm.normalize(text)
			}
		}
		// As in the reference, an id gives back what is looked for, and is special
		// if that is how a special token is spelled.
		a.byID[t.id] = text
		a.special[t.id] = special[text]
		into.add(text, t)
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
		found, length := m.at(text, at)
		if length == 0 {
			at++
			continue
		}
		from, to := at, at+length
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
		// As in the reference, white space that a token took may yet be another.
		if from < to {
			pieces = append(pieces, piece{"", found.id, false})
		}
		begin = to
	}
	if begin < len(text) {
		pieces = append(pieces, piece{text[begin:], None, begin == 0})
	}
	return pieces
}

// standsAlone says whether text[from:to] has no character of a word before or
// after it.
func standsAlone(text string, from, to int) bool {
	before, n := utf8.DecodeLastRuneInString(text[:from])
	after, m := utf8.DecodeRuneInString(text[to:])
	return (n == 0 || !isWord(before)) && (m == 0 || !isWord(after))
}
