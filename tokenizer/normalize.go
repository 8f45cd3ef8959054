package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// grownTooLong says whether a text grew more than any real tokenizer lets it.
// The parts of a hostile file can each double a text; they stop there.
func grownTooLong(now, original int) bool { return now > 1<<20+64*original }

// losesBeginning says whether a normaliser drops the first character of a text,
// so that what is left does not begin it.
func losesBeginning(n normalizer, text string) bool {
	switch n := n.(type) {
	case normalizers:
		original := len(text)
		for _, one := range n {
			if grownTooLong(len(text), original) {
				break
			}
			if losesBeginning(one, text) {
				return true
			}
			text = one.normalize(text)
		}
		return false
	case *precompiled: // the reference does not keep count of what its table drops
		return false
	}
	_, size := utf8.DecodeRuneInString(text)
	return size > 0 && n.normalize(text[:size]) == "" && n.normalize(text) == n.normalize(text[size:])
}

// normalizers apply one after the other.
type normalizers []normalizer

func (list normalizers) normalize(text string) string {
	original := len(text)
	for _, n := range list {
		if grownTooLong(len(text), original) {
			break
		}
		text = n.normalize(text)
	}
	return text
}

// lowercase maps each character by itself, without regard to its place in a
// word (a final sigma stays medial).
type lowercase struct{}

func (lowercase) normalize(text string) string {
	text = strings.ReplaceAll(text, "İ", "i̇") // the one that becomes two
	return strings.Map(lower, text)
}

// stripAccents drops the combining marks.
type stripAccents struct{}

func (stripAccents) normalize(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(markTable, r) {
			return -1
		}
		return r
	}, text)
}

// strip drops white space at the ends.
type strip struct{ left, right bool }

func (s strip) normalize(text string) string {
	if s.left {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	if s.right {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text
}

// trimSpaces drops the spaces at the ends, and no other white space.
type trimSpaces struct{}

func (trimSpaces) normalize(text string) string { return strings.Trim(text, " ") }

// squeeze makes one space of a run of them.
type squeeze struct{}

func (squeeze) normalize(text string) string {
	for strings.Contains(text, "  ") {
		text = strings.ReplaceAll(text, "  ", " ")
	}
	return text
}

// prepend puts something before a text that is not empty.
type prepend string

func (p prepend) normalize(text string) string {
	if text == "" {
		return text
	}
	return string(p) + text
}

// replace puts one text in another's place.
type replace struct {
	pattern splitter
	with    string
}

func (r replace) normalize(text string) string {
	var out strings.Builder
	at := 0
	for _, span := range r.pattern.find(text) {
		if grownTooLong(out.Len(), len(text)) {
			break
		}
		out.WriteString(text[at:span[0]])
		out.WriteString(r.with)
		at = span[1]
	}
	if at == 0 && out.Len() == 0 {
		return text
	}
	out.WriteString(text[at:])
	return out.String()
}

func (r replace) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		out[i] = r.normalize(token)
	}
	return out
}

// nmt drops control characters and makes every kind of space a space, as
// SentencePiece's rules for machine translation do.
type nmt struct{}

func (nmt) normalize(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x1 && r <= 0x8, r == 0xb, r >= 0xe && r <= 0x1f, r == 0x7f, r == 0x8f, r == 0x9f:
			return -1
		case r == 0x9, r == 0xa, r == 0xc, r == 0xd, r == 0x1680, r >= 0x200b && r <= 0x200f,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xfeff, r == 0xfffd:
			return ' '
		}
		return r
	}, text)
}

// bertNormalizer is what BERT does to a text before it is split.
type bertNormalizer struct{ clean, chinese, accents, lower bool }

func (b bertNormalizer) normalize(text string) string {
	if b.clean {
		text = strings.Map(bertClean, text)
	}
	if b.chinese {
		text = spaceChinese(text)
	}
	if b.accents {
		text = strings.Map(func(r rune) rune {
			if unicode.Is(accentTable, r) {
				return -1
			}
			return r
		}, unicodeForm(norm.NFD).normalize(text))
	}
	if b.lower {
		text = lowercase{}.normalize(text)
	}
	return text
}

// bertClean drops control characters and makes white space a space.
func bertClean(r rune) rune {
	switch {
	case unicode.Is(controlTable, r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// spaceChinese puts spaces around the characters that are words by themselves.
func spaceChinese(text string) string {
	if strings.IndexFunc(text, isChinese) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if isChinese(r) {
			out.WriteByte(' ')
			out.WriteRune(r)
			out.WriteByte(' ')
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// isChinese has BERT's blocks of ideographs. The reference's table begins one
// block at 2B920 instead of 2B820, and so does this one.
func isChinese(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf || r >= 0x20000 && r <= 0x2a6df ||
		r >= 0x2a700 && r <= 0x2b73f || r >= 0x2b740 && r <= 0x2b81f || r >= 0x2b920 && r <= 0x2ceaf ||
		r >= 0xf900 && r <= 0xfaff || r >= 0x2f800 && r <= 0x2fa1f
}
