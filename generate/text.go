package generate

import (
	"strings"
	"unicode/utf8"
)

// textual follows the text of a row as tokens are added: it finds stop strings and hands out what is certain.
type textual struct {
	opt  *Options
	text string // of all tokens, up to a stop string
	sent int    // bytes of text that were handed out
}

// add decodes the row's tokens anew and says whether a stop string ends it.
func (t *textual) add(ids []int32) (stopped bool) {
	if t.opt.Text == nil {
		return false
	}
	t.text, stopped = cutStop(t.opt.Text(ids), t.opt.Stop)
	return stopped
}

// piece is the text that has become certain; at the end all that is left. A token may end within a character (the decoder
// then shows U+FFFD), or within what may become a stop string.
func (t *textual) piece(end bool) string {
	upTo := len(t.text)
	if !end {
		for upTo > 0 && strings.HasSuffix(t.text[:upTo], "\uFFFD") {
			upTo -= len("\uFFFD")
		}
		upTo -= openStop(t.text[:upTo], t.opt.Stop)
	}
	if upTo <= t.sent {
		return ""
	}
	p := t.text[t.sent:upTo]
	t.sent = upTo
	return p
}

// cutStop cuts text before the first stop string.
func cutStop(text string, stops []string) (string, bool) {
	first := -1
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first < 0 {
		return text, false
	}
	return text[:first], true
}

// openStop is the length of the longest end of text that a stop string begins with.
func openStop(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) && utf8.RuneStart(text[len(text)-n]) {
				longest = n
			}
		}
	}
	return longest
}
