package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// gpt2Pattern is how GPT-2 splits text into words. gpt2Word is the same without
// a regular expression.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

var contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// The classes of characters that GPT-2's pattern tells apart.
type runeClass uint8

const (
	classOther runeClass = iota
	classLetter
	classNumber
	classSpace
)

func classify(r rune) runeClass {
	switch {
	case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z':
		return classLetter
	case '0' <= r && r <= '9':
		return classNumber
	case unicode.IsSpace(r):
		return classSpace
	case r < utf8.RuneSelf:
		return classOther
	case unicode.IsLetter(r) || unicode.Is(newerLetters, r):
		return classLetter
	case unicode.IsNumber(r) || unicode.Is(newerNumbers, r):
		return classNumber
	}
	return classOther
}

// run is the length of the characters of one class at the start of text.
func run(text string, class runeClass) int {
	for i, r := range text {
		if classify(r) != class {
			return i
		}
	}
	return len(text)
}

// gpt2Word is the length of the first word of text, which is not empty.
func gpt2Word(text string) int {
	if text[0] == '\'' {
		for _, c := range contractions {
			if strings.HasPrefix(text, c) {
				return len(c)
			}
		}
	}
	rest := text
	if text[0] == ' ' {
		rest = text[1:]
	}
	first, _ := utf8.DecodeRuneInString(rest)
	if class := classify(first); rest != "" && class != classSpace {
		return len(text) - len(rest) + run(rest, class)
	}
	// White space: all of it at the end of the text; before a word all but the
	// last character, which that word takes if it is a space.
	n := run(text, classSpace)
	if n == len(text) {
		return n
	}
	_, last := utf8.DecodeLastRuneInString(text[:n])
	if n > last {
		return n - last
	}
	return n
}
