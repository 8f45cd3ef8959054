package train

import (
	"os"
	"strings"
	"testing"
)

// TestCutWords: a vocabulary is the whole one, or, where the recipe says so, cut to the words of the data.
func TestCutWords(t *testing.T) {
	raw, err := os.ReadFile("../recipes/tiny/text/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(raw))
	size := func(cut bool, captions ...string) int {
		r := tiny(t)
		r.Model.CutWords = cut
		m, err := makeModel(r, captions, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.Words.Size()
	}
	if whole := size(false, "a"); whole < len(words) {
		t.Errorf("%d words of %d", whole, len(words))
	}
	few, more := size(true, "a"), size(true, "a", words[len(words)-1])
	if few >= len(words) || more != few+1 {
		t.Errorf("%d words are left, and %d with %q in the data, of %d", few, more, words[len(words)-1], len(words))
	}
}
