// Package rank puts the best first.
package rank

import (
	"cmp"
	"slices"
)

// Best are the places of the n highest scores, the highest first; of equals, the first. Where there are fewer scores, it is all of them.
func Best[T cmp.Ordered](scores []T, n int) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order[:min(n, len(order))]
}
