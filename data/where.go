package data

import (
	"fmt"
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
