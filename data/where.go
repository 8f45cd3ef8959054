package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Where says which rows are wanted, by their fields: each names the values that are, with bars between, or with a "!" in front
// those that are not.
type Where map[string]string

// Wants says whether a row's fields are what is wanted.
func (w Where) Wants(fields map[string]any) bool {
	for key, values := range w {
		values, not := strings.CutPrefix(values, "!")
		if slices.Contains(strings.Split(values, "|"), fmt.Sprint(fields[key])) == not {
			return false
		}
	}
	return true
}

// Fields are what a list of wants looks at, each of which rows may or may not have.
type Fields []Field

// Fields are the fields that rows are wanted by.
func (w Where) Fields() Fields {
	var fields Fields
	for _, name := range slices.Sorted(maps.Keys(w)) {
		fields = append(fields, Field{Name: name})
	}
	return fields
}

// Look takes note of what a row, or a page, has.
func (f Fields) Look(extra map[string]any) {
	for i := range f {
		f[i].Of(Row{Extra: extra})
	}
}

// Unknown is an error for the first that none has.
func (f Fields) Unknown() error {
	for i := range f {
		if err := f[i].Unknown(); err != nil {
			return err
		}
	}
	return nil
}
