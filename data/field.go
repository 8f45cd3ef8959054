package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dragoman/internal/hint"
	"dragoman/internal/nearest"
)

// Field is one of the fields in rows' Extra, by its name, which somebody may have misspelt: it remembers what the rows that it was read of have.
type Field struct {
	Name string // "": there is nothing to read
	had  bool
	has  map[string]bool
}

// Of is what a row has in the field; ok is false where it has none.
func (f *Field) Of(row Row) (value string, ok bool) {
	if f.Name == "" {
		return "", false
	}
	if f.has == nil {
		f.has = map[string]bool{}
	}
	if v := row.Extra[f.Name]; v != nil {
		f.had = true
		return fmt.Sprint(v), true
	}
	if !f.had {
		for name := range row.Extra {
			f.has[name] = true
		}
	}
	return "", false
}

// Unknown is an error where none of the rows that the field was read of has it.
func (f *Field) Unknown() error {
	if f.had || f.has == nil {
		return nil
	}
	err := fmt.Errorf("no row has the field %.60q", f.Name)
	names := slices.Sorted(maps.Keys(f.has))
	if meant := nearest.To(f.Name, names); meant != "" {
		return hint.Wrap(err, "did you mean %s?", meant)
	}
	const most = 20
	if len(names) > most {
		names = append(names[:most], "…")
	}
	if len(names) == 0 {
		names = []string{"nothing"}
	}
	return hint.Wrap(err, "beside picture, text, tags and id these rows have %s", strings.Join(names, ", "))
}
