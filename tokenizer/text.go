package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Valid is a text as Encode reads it: what is not UTF-8 is U+FFFD.
func Valid(text string) string { return toValid(text) }

// toValid replaces what is not UTF-8 with U+FFFD, one for each longest run that
// could have begun a character, as Rust and Python do.
func toValid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	out.Grow(len(text) + 8)
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size <= 1 {
			size = badRun(text)
			out.WriteRune(utf8.RuneError)
		} else {
			out.WriteString(text[:size])
		}
		text = text[size:]
	}
	return out.String()
}

// badRun is the length of the bytes at the start of text that one U+FFFD stands
// for: the longest prefix of some character, at least one byte.
func badRun(text string) int {
	first := text[0]
	need, low, high := 0, byte(0x80), byte(0xbf)
	switch {
	case first >= 0xc2 && first <= 0xdf:
		need = 1
	case first >= 0xe0 && first <= 0xef:
		need = 2
		if first == 0xe0 {
			low = 0xa0
		} else if first == 0xed {
			high = 0x9f
		}
	case first >= 0xf0 && first <= 0xf4:
		need = 3
		if first == 0xf0 {
			low = 0x90
		} else if first == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n <= need && n < len(text) && text[n] >= low && text[n] <= high {
		n++
		low, high = 0x80, 0xbf
	}
	return n
}

// join is strings.Join, without a copy where there is one piece.
func join(pieces []string, between string) string {
	if len(pieces) == 1 {
		return pieces[0]
	}
	return strings.Join(pieces, between)
}
