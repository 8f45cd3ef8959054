package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteRunes maps bytes to printable characters, as GPT-2 does: those that print
// stand for themselves, the other 68 are U+0100 and up, in order.
var byteRunes = func() (runes [256]rune) {
	next := rune(0x100)
	for b := range runes {
		switch {
		case b >= 33 && b <= 126, b >= 161 && b <= 172, b >= 174:
			runes[b] = rune(b)
		default:
			runes[b] = next
			next++
		}
	}
	return runes
}()

// runeBytes is the way back; -1 for characters that stand for no byte.
var runeBytes = func() (bytes [0x144]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	for b, r := range byteRunes {
		bytes[r] = int16(b)
	}
	return bytes
}()

// toByteLevel spells the bytes of text as characters.
func toByteLevel(text string) string {
	plain := true
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' || text[i] > 126 {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	out := make([]byte, 0, 2*len(text))
	for i := 0; i < len(text); i++ {
		out = utf8.AppendRune(out, byteRunes[text[i]])
	}
	return string(out)
}

// fromByteLevel appends the bytes that a token's characters stand for. A token
// with any other character (an added one) stands for its own text.
func fromByteLevel(out []byte, token string) []byte {
	begin := len(out)
	for _, r := range token {
		if int(r) >= len(runeBytes) || runeBytes[r] < 0 {
			return append(out[:begin], token...)
		}
		out = append(out, byte(runeBytes[r]))
	}
	return out
}

// byteLevel is the pre-tokeniser that spells bytes as characters, after GPT-2's
// split into words unless that is left to others.
type byteLevel struct {
	prefixSpace bool
	words       bool
}

func (b byteLevel) split(words []word, w word) []word {
	text := w.text
	if b.prefixSpace && !strings.HasPrefix(text, " ") {
		text = " " + text
	}
	if !b.words {
		return append(words, word{toByteLevel(text), w.first})
	}
	first := w.first
	for len(text) > 0 {
		n := gpt2Word(text)
		words = append(words, word{toByteLevel(text[:n]), first})
		text, first = text[n:], false
	}
	return words
}

// byteLevelDecoder joins the bytes that tokens stand for.
type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(tokens []string) []string {
	var out []byte
	for _, token := range tokens {
		out = fromByteLevel(out, token)
	}
	return []string{toValid(string(out))}
}

// byteLevelNormalizer spells bytes as characters before the split into words.
type byteLevelNormalizer struct{}

func (byteLevelNormalizer) normalize(text string) string { return toByteLevel(text) }
