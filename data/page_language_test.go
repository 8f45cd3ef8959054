package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLanguage: pages of another language are left out and counted, those too short to tell stay, and so does everything where none is named.
func TestLanguage(t *testing.T) {
	picture, err := filepath.Abs("../recipes/tiny/pictures/red-bar.png")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"The brush tool paints with the current colour, and how wide its strokes are depends on what was chosen in the window beside the picture.",
		"Das Pinselwerkzeug malt mit der aktuellen Farbe, und wie breit seine Striche sind, hängt davon ab, was im Fenster neben dem Bild gewählt wurde.",
		"L'outil pinceau peint avec la couleur actuelle, et la largeur de ses traits dépend de ce qui a été choisi dans la fenêtre à côté de l'image.",
		"図のとおり、ブラシは現在の色で描きます。線の太さは画像の横のウィンドウで選びます。",
		"Bar 7",
	}
	var rows strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&rows, "{\"parts\":[{\"text\":%q},{\"image\":%q},{\"text\":\"1.\"}]}\n", text, picture)
	}
	path := filepath.Join(t.TempDir(), "pages.jsonl")
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for language, want := range map[string][]int{"": {0, 1, 2, 3, 4}, "en": {0, 4}, "eng": {0, 4}, "de": {1, 4}, "fr": {2, 4}, "ja": {3, 4}} {
		d := mustOpenPages(t, path, PageOptions{Language: language})
		var got []string
		for i := range d.Len() {
			p, err := d.Page(i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Parts[0].Text)
		}
		var wanted []string
		for _, i := range want {
			wanted = append(wanted, texts[i])
		}
		if fmt.Sprint(got) != fmt.Sprint(wanted) {
			t.Errorf("%q: %q", language, got)
		}
		if r := d.Report(); r.Skipped[AnotherLanguage] != len(texts)-len(want) {
			t.Errorf("%q: %v", language, r)
		}
	}
	if _, err := OpenPages(path, PageOptions{Language: "english"}); err == nil || !strings.Contains(err.Error(), `"english" is no language that can be told`) {
		t.Error(err)
	}
	if _, err := OpenPages(path, PageOptions{Language: "fi"}); err != nil { // but for the page that is too short
		t.Error(err)
	}
	long := PageOptions{Language: "en"} // of which a piece alone is in the language
	if err := long.speaks([]Part{{Text: texts[0]}, {Text: strings.Repeat(texts[1]+" ", 40)}}); WhyOf(err) != AnotherLanguage {
		t.Error(err)
	}
	if err := long.speaks([]Part{{Text: strings.Repeat(texts[0]+" ", 300)}, {Text: texts[1]}}); err != nil {
		t.Error(err)
	}
	if err := long.speaks([]Part{{Text: strings.Repeat(texts[1]+" ", 40)}, {Text: strings.Repeat(texts[0]+" ", 12)}}); WhyOf(err) != AnotherLanguage { // its end
		t.Error(err)
	}
	d := PageOptions{Language: "en"}
	if err := d.speaks([]Part{{Text: texts[1]}}); WhyOf(err) != AnotherLanguage || errors.Unwrap(err).Error() != "its language is German" {
		t.Error(err)
	}
}
