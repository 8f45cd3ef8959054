package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// TextPlace is where a form has the text.
const TextPlace = "{}"

// newForms are ways to write what a picture shows, where none are given. No recipe of the built-in models has one of them, so that only the page can tell.
var newForms = []string{"look, {}", "{} it is", "I can see {} here", "my {}", "[{}]", "{}!", "one {}", "that would be {}", "answer = {}", "{}, drawn by hand"}

// Form is what a model does behind examples whose texts are all written in a form that it was not taught: whether it keeps to it.
type Form struct {
	N     int     `json:"n"`
	Kept  float64 `json:"kept"`         // what is said begins and ends as the form does, with something between
	Named float64 `json:"content_word"` // with a content word of the picture's text or keywords
}

// CheckForm says why a form is none.
func CheckForm(form string) error {
	if before, after, ok := strings.Cut(form, TextPlace); !ok || strings.Contains(after, TextPlace) || strings.TrimSpace(before+after) == "" || strings.TrimSpace(form) != form {
		return fmt.Errorf("%q is no form: it is to have %s once, something beside it, and no spaces around", form, TextPlace)
	}
	return nil
}

// InForm writes a text in a form.
func InForm(form, text string) string { return strings.Replace(form, TextPlace, text, 1) }

// keeps says whether a text is in a form, and what stands in its place.
func keeps(form, said string) (inside string, kept bool) {
	before, after, _ := strings.Cut(form, TextPlace)
	inside, begins := strings.CutPrefix(said, before)
	inside, ends := strings.CutSuffix(inside, after)
	return inside, begins && ends && strings.TrimSpace(inside) != ""
}

// form asks about a picture behind k examples in a new form.
func (e *fewShot) form(ctx context.Context, k, at int, r *rand.Rand, f *Form) error {
	forms := e.o.Forms
	if len(forms) == 0 {
		forms = newForms
	}
	form := forms[r.IntN(len(forms))]
	examples := e.examples(k, at, r)
	for i := range examples {
		examples[i].text = InForm(form, examples[i].text)
	}
	said, err := e.say(ctx, examples, at)
	if err != nil {
		return err
	}
	inside, kept := keeps(form, said)
	f.Kept += toOne(kept)
	if it := &e.set[at]; kept {
		f.Named += toOne(SharesContent(inside, slices.Concat(it.References, it.Keywords)))
	}
	return nil
}
