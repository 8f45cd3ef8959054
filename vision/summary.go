package vision

import (
	"math"

	"dragoman/tensor"
)

// Whole is an encoder's summary of whole pictures [B, width], or the mean of their tokens where it makes none.
func (f Features) Whole(run *tensor.Run) *tensor.Tensor {
	if f.Pooled != nil {
		return f.Pooled
	}
	return run.MeanAxis(f.Tokens, 1)
}

// WholeWidth is how wide that is.
func (s Shape) WholeWidth() int {
	if s.Pooled > 0 {
		return s.Pooled
	}
	return s.Width
}

// rootedLength is how long a summary is made.
const rootedLength = 12

// Root writes the square roots of a summary, which evens out what a few channels say loudly, at a fixed length.
func Root(dst, x []float32) {
	var sum float64
	for i := range dst {
		sum += max(0, float64(x[i]))
		dst[i] = float32(math.Sqrt(max(0, float64(x[i]))))
	}
	scale := float32(rootedLength / math.Sqrt(max(sum, 1e-12)))
	for i := range dst {
		dst[i] *= scale
	}
}
