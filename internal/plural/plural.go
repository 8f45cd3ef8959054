// Package plural counts things in words.
package plural

import "fmt"

// Of is a number with its noun, which is regular: "1 page", "2 pages".
func Of(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
