package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeepWords: a vocabulary that is cut to the data's words keeps those of a file besides, and a file that is not there is named.
func TestKeepWords(t *testing.T) {
	raw, err := os.ReadFile("../recipes/tiny/text/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(raw))
	word := all[len(all)-1]
	r := tiny(t)
	r.Model.CutWords = true
	size := func() int {
		m, err := makeModel(r, []string{"a"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.Words.Size()
	}
	before := size()
	r.Model.Words = filepath.Join(t.TempDir(), "words.txt")
	if _, err := makeModel(r, nil, 0); err == nil || !strings.Contains(err.Error(), "model.keep_words") {
		t.Errorf("without the file: %v", err)
	}
	if err := os.WriteFile(r.Model.Words, []byte(word+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after := size(); after != before+1 {
		t.Errorf("%d words, and %d with %q kept", before, after, word)
	}
}
