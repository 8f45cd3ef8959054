package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dlclark/regexp2/v2/syntax"
)

// A pattern from a file may take exponential time; after this long the rest of
// a text stays in one piece. Tests of hostile patterns wait for less.
var patternTime = 2 * time.Second

// maxPattern bounds a pattern from a file, in bytes.
const maxPattern = 1 << 14

// regex finds a regular expression with look-ahead and Unicode classes.
type regex struct{ *regexp2.Regexp }

// newPattern compiles a pattern; GPT-2's, which most files have, is recognised
// and needs no regular expression.
func newPattern(pattern string) (splitter, error) {
	if pattern == gpt2Pattern {
		return gpt2Words{}, nil
	}
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("a pattern of %d bytes", len(pattern))
	}
	translated, err := fromOniguruma(pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern %.80q: %w", pattern, err)
	}
	compiled, err := regexp2.Compile(translated)
	if wrong := (*syntax.Error)(nil); errors.As(err, &wrong) { // without what it was translated to, and whose line breaks are
		err = errors.New(strings.Join(strings.Fields(fmt.Sprintf(wrong.Code.String(), wrong.Args...)), " "))
	}
	if err != nil {
		return nil, fmt.Errorf("pattern %.80q: %w", pattern, err)
	}
	compiled.MatchTimeout = patternTime
	return regex{compiled}, nil
}

func (r regex) find(text string) (spans [][2]int) {
	// After a timeout the matches so far count.
	matches, _ := r.FindAllStringIndex(text, -1)
	at := 0
	for _, m := range matches {
		if len(m) >= 2 && m[0] >= at && m[1] >= m[0] && m[1] <= len(text) {
			spans = append(spans, [2]int{m[0], m[1]})
			at = m[1]
		}
	}
	return spans
}
