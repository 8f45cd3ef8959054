package tokenizer

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// TestManyMarks has more combining marks in a row than package norm lets stand
// without a joiner between them. The values are the tokenizers library's.
func TestManyMarks(t *testing.T) {
	acute, below := strings.Repeat("\u0301", 100), strings.Repeat("\u0316", 40)
	for _, c := range []struct {
		form       norm.Form
		text, want string
	}{
		{norm.NFC, "a" + acute + " b", "á" + acute[2:] + " b"},
		{norm.NFD, "á" + acute, "a\u0301" + acute},
		{norm.NFC, acute, acute},
		{norm.NFC, "xa" + acute + below, "xá" + below + acute[2:]},
		{norm.NFD, "a" + acute + below, "a" + below + acute},
		{norm.NFKC, "ｶ" + strings.Repeat("ﾞ", 40), "ガ" + strings.Repeat("\u3099", 39)},
		{norm.NFKD, "ﬁ" + strings.Repeat("\u0344", 20), "fi" + strings.Repeat("\u0308\u0301", 20)},
		{norm.NFC, "각" + acute + "\u1100\u1161\u11a8" + "e\u0316\u0301", "각" + acute + "각" + "é\u0316"},
	} {
		if got := unicodeForm(c.form).normalize(c.text); got != c.want {
			t.Errorf("form %d of %+q\n got %+q\nwant %+q", c.form, c.text, got, c.want)
		}
	}
}

// TestLongForm has the two ways to a normal form agree where either could go.
func TestLongForm(t *testing.T) {
	for _, text := range load[[]string](t, "texts.json") {
		if strings.ContainsFunc(text, isNewer) || strings.Count(text, "\u0301") > 7 {
			continue
		}
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			f := unicodeForm(form)
			if got, want := f.longForm(text), form.String(text); got != want {
				t.Errorf("form %d of %+q\n got %+q\nwant %+q", form, text, got, want)
			}
		}
	}
}
