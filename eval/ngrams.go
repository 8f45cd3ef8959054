package eval

import (
	"strings"
)

// maxOrder is the longest n-gram that BLEU and CIDEr count.
const maxOrder = 4

// ngrams counts the n-grams of an order, by their words with a space between.
func ngrams(tokens []string, order int) map[string]int {
	counts := make(map[string]int)
	for i := 0; i+order <= len(tokens); i++ {
		counts[strings.Join(tokens[i:i+order], " ")]++
	}
	return counts
}
