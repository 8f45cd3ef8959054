package dragoman

import (
	"strings"
	"testing"
)

// TestStreamIsTrimmed: what is handed out piece by piece is the text without the space around it, whatever the pieces.
func TestStreamIsTrimmed(t *testing.T) {
	for _, text := range []string{"", "  ", " a", "a  b ", "\n a\n\nb c \n", "á 日本 ", "\u00a0x\u2003"} {
		for size := range 4 {
			var tr trimmer
			got := ""
			runes := []rune(text)
			for from := 0; from < len(runes); from += size + 1 {
				got += tr.next(string(runes[from:min(from+size+1, len(runes))]))
			}
			if want := strings.TrimSpace(text); got != want {
				t.Errorf("%q in pieces of %d: %q, want %q", text, size+1, got, want)
			}
		}
	}
}
