package tokenizer

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The parts of the tokenizers library were built with Unicode tables of several
// ages, so what is a letter to one is nothing yet to another. These are its
// tables, by part; characters that a table does not have are classed as Go does.
var (
	punctuationTable = table(punctuationSet)
	numericTable     = table(numericSet)
	wordTable        = table(wordSet)
	markTable        = table(markSet)
	accentTable      = table(accentSet)
	controlTable     = table(controlSet)
	formTable        = table(formSet)
	newerLetters     = table(newerLSet)
	newerNumbers     = table(newerNSet)
	newerLowerCase   = pairs(newerLower)
)

// table reads runs of characters: gap.length, in base 36, where a length of one
// is left out.
func table(runs string) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	at := uint32(0)
	for _, run := range strings.Fields(runs) {
		gap, length, ok := strings.Cut(run, ".")
		if !ok {
			length = "1"
		}
		low := at + base36(gap)
		at = low + base36(length)
		switch high := at - 1; {
		case high <= 0xffff:
			t.R16 = append(t.R16, unicode.Range16{Lo: uint16(low), Hi: uint16(high), Stride: 1})
			if high <= unicode.MaxLatin1 {
				t.LatinOffset++
			}
		case low <= 0xffff:
			t.R16 = append(t.R16, unicode.Range16{Lo: uint16(low), Hi: 0xffff, Stride: 1})
			t.R32 = append(t.R32, unicode.Range32{Lo: 0x10000, Hi: high, Stride: 1})
		default:
			t.R32 = append(t.R32, unicode.Range32{Lo: low, Hi: high, Stride: 1})
		}
	}
	return t
}

// pairs reads pairs of characters.
func pairs(list string) map[rune]rune {
	m := map[rune]rune{}
	for _, pair := range strings.Fields(list) {
		from, to, _ := strings.Cut(pair, ".")
		m[rune(base36(from))] = rune(base36(to))
	}
	return m
}

func base36(digits string) uint32 {
	n, err := strconv.ParseUint(digits, 36, 32)
	if err != nil {
		panic("tokenizer: Unicode table: " + err.Error())
	}
	return uint32(n)
}

// isWord is the \w of Unicode's regular expressions.
func isWord(r rune) bool { return unicode.Is(wordTable, r) }

// isPunctuation is ASCII's punctuation, symbols included, and Unicode's.
func isPunctuation(r rune) bool { return unicode.Is(punctuationTable, r) }

// isNumeric is every kind of number.
func isNumeric(r rune) bool { return unicode.Is(numericTable, r) }

// lower is the lower case of a character by itself.
func lower(r rune) rune {
	if to := unicode.ToLower(r); to != r || r < utf8.RuneSelf {
		return to
	}
	if to, ok := newerLowerCase[r]; ok {
		return to
	}
	return r
}
