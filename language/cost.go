package language

import (
	"slices"

	"dragoman/kernel"
	"dragoman/tensor"
)

// Cost is what a model's work takes, for those who measure it.
type Cost struct {
	Weights   int // elements of the blocks' matrices: a token is multiplied by each once
	Bytes     int // of those matrices, as they are stored
	Head      int // elements of the output head
	HeadBytes int
	Attention int // width of all query heads together, over all blocks: each pair of positions costs 4 operations for each
	CacheRow  int // elements of keys and values that a position leaves behind, over all blocks

	matrices []*tensor.Tensor // all of them, those of the head too
}

// Add counts matrices that every token is multiplied by.
func (c *Cost) Add(matrices ...*tensor.Tensor) {
	for _, w := range matrices {
		c.Weights += w.Len()
		c.Bytes += StoredBytes(w)
	}
	c.matrices = append(c.matrices, matrices...)
}

// AddHead counts a matrix that makes logits.
func (c *Cost) AddHead(w *tensor.Tensor) {
	c.Head += w.Len()
	c.HeadBytes += StoredBytes(w)
	c.matrices = append(c.matrices, w)
}

// Together is how many texts can be written at a time with each, to the last bit, what it is by itself, where each token is multiplied by more
// matrices besides; 1 where the model's are not known.
func (c *Cost) Together(compute kernel.DType, more ...*tensor.Tensor) int {
	if len(c.matrices) == 0 {
		return 1
	}
	least := kernel.ManyRows
	for _, w := range slices.Concat(c.matrices, more) {
		least = min(least, kernel.Default().Together(w.Mat(), compute))
	}
	return least
}

// StoredBytes is a matrix's size as it is stored.
func StoredBytes(t *tensor.Tensor) int { return t.Rows() * t.DType().RowBytes(t.Dim(-1)) }
