package data

import (
	"testing"

	"dragoman/internal/hint"
)

// TestField: a field is what rows have of its name, of whatever type; one that none has is an error, with the name that was meant.
func TestField(t *testing.T) {
	rows := []Row{{Extra: map[string]any{"concept": "cat", "class": int64(3)}}, {Extra: map[string]any{"concept": nil}}, {}}
	for name, want := range map[string]struct{ value, hint string }{
		"concept": {"cat", ""}, "class": {"3", ""}, "": {"", ""},
		"conept": {"", "did you mean concept?"}, "style": {"", "beside picture, text, tags and id these rows have class, concept"},
	} {
		f := Field{Name: name}
		if f.Unknown() != nil {
			t.Errorf("%q: unknown before there are rows", name)
		}
		for i, row := range rows {
			if value, ok := f.Of(row); value != want.value && i == 0 || ok != (i == 0 && want.value != "") {
				t.Errorf("%q of row %d: %q, %v", name, i, value, ok)
			}
		}
		if err := f.Unknown(); (err != nil) != (want.hint != "") || hint.Of(err) != want.hint {
			t.Errorf("%q: %v, %q", name, err, hint.Of(err))
		}
	}
}
