package tokenizer

import (
	"strconv"
	"strings"
)

// decoders apply one after the other.
type decoders []decoder

func (list decoders) decode(tokens []string) []string {
	original := 0
	for i, d := range list {
		size := 0
		for _, token := range tokens {
			size += len(token)
		}
		if i == 0 {
			original = size
		}
		if grownTooLong(size, original) {
			break
		}
		tokens = d.decode(tokens)
	}
	return tokens
}

// spaced puts spaces between the pieces: what decodes where a file names no decoder.
type spaced struct{}

func (spaced) decode(tokens []string) []string { return []string{join(tokens, " ")} }

// fuse joins the pieces into one.
type fuse struct{}

func (fuse) decode(tokens []string) []string { return []string{join(tokens, "")} }

// ctc takes a token that is repeated for one, and the blank out; with cleanup a mark becomes the space between two words.
type ctc struct {
	blank, between string
	cleanup        bool
}

func (c ctc) decode(tokens []string) []string {
	var out []string
	for i, token := range tokens {
		if i > 0 && token == tokens[i-1] {
			continue
		}
		if c.blank != "" {
			token = strings.ReplaceAll(token, c.blank, "")
		}
		if c.cleanup {
			token = strings.ReplaceAll(cleanUpPiece(token), c.between, " ")
		}
		if token != "" {
			out = append(out, token)
		}
	}
	return out
}

// byteFallback turns runs of <0x0A> into the text that their bytes spell, or
// into one U+FFFD a byte where they spell none.
type byteFallback struct{}

func (byteFallback) decode(tokens []string) []string {
	var out []string
	var bytes []byte
	flush := func() {
		text := string(bytes)
		if toValid(text) != text {
			text = strings.Repeat("\ufffd", len(bytes))
		}
		if text != "" {
			out = append(out, text)
		}
		bytes = bytes[:0]
	}
	for _, token := range tokens {
		if b, ok := byteToken(token); ok {
			bytes = append(bytes, b)
			continue
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

// byteToken is the byte that <0x0A> stands for.
func byteToken(token string) (byte, bool) {
	if len(token) != 6 || token[:3] != "<0x" || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}

// stripDecoder drops up to so many of a character at the ends of each piece.
type stripDecoder struct {
	content     string
	start, stop int
}

func (s stripDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		for n := 0; n < s.start && s.content != "" && strings.HasPrefix(token, s.content); n++ {
			token = token[len(s.content):]
		}
		for n := 0; n < s.stop && s.content != "" && strings.HasSuffix(token, s.content); n++ {
			token = token[:len(token)-len(s.content)]
		}
		out[i] = token
	}
	return out
}

// suffixDecoder turns the mark at the end of a word into a space, and drops it
// at the end of the text.
type suffixDecoder string

func (suffix suffixDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		space := " "
		if i == len(tokens)-1 {
			space = ""
		}
		out[i] = strings.ReplaceAll(token, string(suffix), space)
	}
	return out
}
