package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unicodeForm is NFC, NFD, NFKC or NFKD.
type unicodeForm norm.Form

// normalize leaves the characters that the reference's tables do not have as
// they are, and joins nothing to them.
func (f unicodeForm) normalize(text string) string {
	var out strings.Builder
	begin := 0
	for i, r := range text {
		if isNewer(r) {
			end := i + utf8.RuneLen(r)
			out.WriteString(f.form(text[begin:i]))
			out.WriteString(text[i:end])
			begin = end
		}
	}
	if begin == 0 {
		return f.form(text)
	}
	out.WriteString(f.form(text[begin:]))
	return out.String()
}

// isNewer says whether a normal form here, but not in the reference, would
// change a character or its neighbours.
func isNewer(r rune) bool {
	if r < 0x300 || unicode.Is(formTable, r) {
		return false
	}
	p := norm.NFKD.PropertiesString(string(r))
	return p.CCC() != 0 || p.Decomposition() != nil || !p.BoundaryBefore()
}

// manyMarks is well below the 30 combining marks in a row, some of them out of
// one character's decomposition, behind which package norm puts a grapheme
// joiner, as Unicode's Stream-Safe Text Process does and a normal form does not.
const manyMarks = 8

// form is the normal form of a text whose characters all have one.
func (f unicodeForm) form(text string) string {
	marks := 0
	for _, r := range text {
		if r < 0x300 || norm.NFKD.PropertiesString(string(r)).LeadCCC() == 0 {
			marks = 0
		} else if marks++; marks == manyMarks {
			return f.longForm(text)
		}
	}
	return norm.Form(f).String(text)
}

// class is a character's combining class; 0 for a starter.
func class(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }

// longForm is the normal form character by character, however many marks one has.
func (f unicodeForm) longForm(text string) string {
	form := norm.Form(f)
	apart := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		apart = norm.NFKD
	}
	var runes []rune
	for _, r := range text {
		runes = append(runes, []rune(apart.String(string(r)))...)
	}
	for begin := 0; begin < len(runes); {
		end := begin
		for end < len(runes) && class(runes[end]) != 0 {
			end++
		}
		slices.SortStableFunc(runes[begin:end], func(a, b rune) int { return cmp.Compare(class(a), class(b)) })
		begin = end + 1
	}
	if form == norm.NFC || form == norm.NFKC {
		runes = compose(runes)
	}
	return string(runes)
}

// compose joins each starter with the characters behind it that nothing keeps
// it apart from: a mark of the same class, or another starter.
func compose(runes []rune) []rune {
	out := runes[:0]
	starter, last := -1, uint8(0)
	for _, r := range runes {
		c := class(r)
		if next := starter == len(out)-1; starter >= 0 && (next || last < c && last != 0) {
			if joined := []rune(norm.NFC.String(string([]rune{out[starter], r}))); len(joined) == 1 {
				out[starter] = joined[0]
				continue
			}
		}
		if c == 0 {
			starter = len(out)
		}
		last = c
		out = append(out, r)
	}
	return out
}
