package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// maxHeld is how many tokens a [Stream] waits for a character to be complete.
// No character has more bytes than 4; more tokens than that spell none.
const maxHeld = 16

// Stream decodes ids as they come, and gives text out only once its last
// character is complete.
type Stream struct {
	tokenizer   Tokenizer
	skipSpecial bool
	ids         []int32 // what the text so far still depends on, and what is held
	given       string  // the text of the first ids that was given out
	settled     int     // how many ids that is
}

// NewStream begins a text.
func NewStream(t Tokenizer, skipSpecial bool) *Stream {
	return &Stream{tokenizer: t, skipSpecial: skipSpecial}
}

// Next takes an id and returns the text that is complete with it, which may be
// empty.
func (s *Stream) Next(id int32) string {
	one := []int32{id}
	if s.skipSpecial && s.tokenizer.Decode(one, true) == "" && s.tokenizer.Decode(one, false) != "" {
		return "" // left out wherever it stands
	}
	s.ids = append(s.ids, id)
	return s.take(false)
}

// Flush ends the text and returns what was held back.
func (s *Stream) Flush() string {
	rest := s.take(true)
	s.ids, s.given, s.settled = nil, "", 0
	return rest
}

// take gives out what is new. The ids given out last are kept, since a decoder
// may treat the beginning of a text differently.
func (s *Stream) take(all bool) string {
	text := s.tokenizer.Decode(s.ids, s.skipSpecial)
	full := all || len(s.ids)-s.settled >= maxHeld
	if !full && (text == s.given || strings.HasSuffix(text, "\ufffd")) {
		return ""
	}
	fresh := text[sharedPrefix(text, s.given):]
	s.ids = append(s.ids[:0], s.ids[s.settled:]...)
	s.settled = len(s.ids)
	s.given = s.tokenizer.Decode(s.ids, s.skipSpecial)
	return fresh
}

// sharedPrefix is the length of the characters that both texts begin with.
func sharedPrefix(a, b string) int {
	if strings.HasPrefix(a, b) {
		return len(b)
	}
	n := 0
	for _, r := range a {
		size := utf8.RuneLen(r)
		if n+size > len(a) || n+size > len(b) || a[n:n+size] != b[n:n+size] {
			break
		}
		n += size
	}
	return n
}
