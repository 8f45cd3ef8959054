package inspect

import "dragoman"

// Numbers are all attention weights of an inspection, and Shape says how they lie: [layers, heads, queries, keys], the keys of
// the encoder's grid first, row by row.
func Numbers(in *dragoman.Inspection) []float32 {
	var x []float32
	for _, l := range in.Layers {
		x = append(x, l.PerHead...)
	}
	return x
}

// Shape is the shape of Numbers.
func Shape(in *dragoman.Inspection) []int {
	if len(in.Layers) == 0 {
		return []int{0, 0, in.Queries, 0}
	}
	l := &in.Layers[0]
	return []int{len(in.Layers), l.Heads, in.Queries, len(l.PerHead) / (l.Heads * in.Queries)}
}
