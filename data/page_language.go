package data

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/abadojack/whatlanggo"

	"dragoman/internal/hint"
)

// AnotherLanguage is why a page is left out that is written in a language which is not wanted.
const AnotherLanguage Why = "another language"

// A page's language is that of most of its first pieces of so many bytes: longer ones have more trigrams than the library ranks.
const (
	languagePieces = 12
	languageBytes  = 1500
)

// CheckLanguage says why a page's language cannot be asked for: by ISO 639's two letters, or its three.
func CheckLanguage(code string) error {
	if slices.Contains(languages(), code) || whatlanggo.CodeToLang(code) >= 0 {
		return nil
	}
	return hint.Wrap(fmt.Errorf("%q is no language that can be told", code), "these can be: %s", strings.Join(languages(), ", "))
}

// languages are the codes of two letters of those that can be told.
func languages() (codes []string) {
	for lang := range whatlanggo.Langs {
		if code := lang.Iso6391(); code != "" {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// speaks says that a page is in another language than is wanted, where that can be told for sure: a few words may be in any.
func (o PageOptions) speaks(parts []Part) error {
	if o.Language == "" {
		return nil
	}
	var text strings.Builder
	for _, p := range parts {
		if text.WriteString(p.Text); text.Len() > languagePieces*languageBytes {
			break
		}
		text.WriteString("\n")
	}
	found, sure := languageOf(text.String())
	if !sure || o.Language == found.Iso6391() || o.Language == found.Iso6393() {
		return nil
	}
	return because(AnotherLanguage, "its language is %s", found)
}

// languageOf is the language of a text, if it can be told for sure of one of its pieces; of as many pieces in two, that of the first.
func languageOf(text string) (found whatlanggo.Lang, sure bool) {
	count := map[whatlanggo.Lang]int{}
	for range languagePieces {
		piece := text[:min(languageBytes, len(text))]
		if len(piece) < len(text) {
			if end := strings.LastIndexFunc(piece, unicode.IsSpace); end > 0 {
				piece = piece[:end]
			}
			piece = strings.ToValidUTF8(piece, "")
		}
		text = text[min(max(len(piece), 1), len(text)):]
		if of := whatlanggo.Detect(piece); of.IsReliable() {
			if count[of.Lang]++; !sure || count[of.Lang] > count[found] {
				found, sure = of.Lang, true
			}
		}
		if text == "" {
			break
		}
	}
	return found, sure
}
