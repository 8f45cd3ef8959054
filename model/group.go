package model

import "dragoman/tensor"

// Group copies one group of feature tokens of pictures, of each of which raw has stride numbers, those of the group from at on, into a tensor of
// their own: [pictures, tokens, width].
func Group(run *tensor.Run, raw []float32, stride, at, tokens, width int) *tensor.Tensor {
	n, size := len(raw)/stride, tokens*width
	x := run.New(n, tokens, width)
	for b := range n {
		copy(x.Data()[b*size:(b+1)*size], raw[b*stride+at:])
	}
	return x
}
