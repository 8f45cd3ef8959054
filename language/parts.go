package language

import (
	"cmp"
	"math"
	"slices"

	"dragoman/tensor"
)

// Parts says which rows of these lengths a run that trains reads together, so that little of them is padding: lists of rows in ascending order.
// Others read all at a time: there may be somebody who watches, and wants to see one tensor of each module.
func Parts(r *tensor.Run, lengths []int) [][]int {
	if !r.Options().Train {
		return [][]int{upTo(len(lengths))}
	}
	return alike(lengths)
}

// partCost is what another pass takes, in padded tokens of one: the model's weights are unpacked once more.
const partCost = 96

// alike parts rows by their lengths so that padding each part to its longest, and going through all parts, takes least. Parts list rows in
// ascending order.
func alike(lengths []int) [][]int {
	order := upTo(len(lengths))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lengths[a], lengths[b]) })
	best, from := make([]int, len(order)+1), make([]int, len(order)+1) // of the first n rows in order, and where their last part begins
	for n := 1; n <= len(order); n++ {
		best[n] = math.MaxInt
		for k := range n {
			if c := best[k] + (n-k)*lengths[order[n-1]] + partCost; c < best[n] {
				best[n], from[n] = c, k
			}
		}
	}
	var parts [][]int
	for n := len(order); n > 0; n = from[n] {
		part := slices.Clone(order[from[n]:n])
		slices.Sort(part)
		parts = append(parts, part)
	}
	return parts
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
