package vit

import (
	"fmt"
	"math"

	"dragoman/tensor"
)

// maxSize bounds the side of a picture that a model is asked to read.
const maxSize = 1 << 13

// At is the model for pictures of another size: patches take their positions from between the learnt ones, as with transformers'
// interpolate_pos_encoding. Its positions do not learn.
func (m *Model) At(size int) (*Model, error) {
	if size < m.Config.PatchSize || size > maxSize {
		return nil, fmt.Errorf("pictures of %d×%d: the encoder can be brought to sizes from %d, its patch, to %d", size, size, m.Config.PatchSize, maxSize)
	}
	other := *m
	other.Config.ImageSize = size
	if from, to := m.Config.Grid(), other.Config.Grid(); from != to {
		d := m.Config.HiddenSize
		learnt := m.position.Data()
		position := append(make([]float32, 0, (1+to*to)*d), learnt[:d]...) // the class row has no place
		position = append(position, bicubic(learnt[d:], from, to, d)...)
		other.position = tensor.NewParamOf(m.position.Name(), position, 1, 1+to*to, d)
		other.position.SetTrainable(false)
	}
	return &other, nil
}

// bicubic brings a square map x [from, from, d] to [to, to, d], as torch's interpolate does without anti-aliasing: four neighbours along
// each axis, those beyond an edge being the edge.
func bicubic(x []float32, from, to, d int) []float32 {
	wide := make([]float32, from*to*d)
	for row := range from {
		interpolate(wide[row*to*d:], x[row*from*d:], from, to, 1, d)
	}
	out := make([]float32, to*to*d)
	for col := range to {
		interpolate(out[col*d:], wide[col*d:], from, to, to, d)
	}
	return out
}

// interpolate is bicubic along one axis, whose entries of d values are stride entries apart.
func interpolate(dst, src []float32, from, to, stride, d int) {
	step := float64(from) / float64(to)
	for i := range to {
		at := (float64(i)+0.5)*step - 0.5
		first := math.Floor(at)
		weights := cubic(at - first)
		y := dst[i*stride*d:][:d]
		for k, w := range weights {
			j := min(max(int(first)-1+k, 0), from-1)
			for c, v := range src[j*stride*d:][:d] {
				y[c] += float32(w) * v
			}
		}
	}
}

// cubic weighs the four neighbours of a point that is t behind the second of them: Keys' kernel with a = −0.75.
func cubic(t float64) [4]float64 {
	const a = -0.75
	near := func(x float64) float64 { return ((a+2)*x-(a+3))*x*x + 1 }
	far := func(x float64) float64 { return ((a*x-5*a)*x+8*a)*x - 4*a }
	return [4]float64{far(1 + t), near(t), near(1 - t), far(2 - t)}
}
