package vit

import (
	"fmt"

	"dragoman/tensor"
	"dragoman/vision"
)

// At is the model for pictures of another size: patches take their positions from between the learnt ones, as with transformers'
// interpolate_pos_encoding. Its positions do not learn.
func (m *Model) At(size int) (*Model, error) {
	if size < m.Config.PatchSize || size > vision.MaxSize {
		return nil, fmt.Errorf("pictures of %d×%d: the encoder can be brought to sizes from %d, its patch, to %d", size, size, m.Config.PatchSize, vision.MaxSize)
	}
	other := *m
	other.Config.ImageSize = size
	if from, to := m.Config.Grid(), other.Config.Grid(); from != to {
		d := m.Config.HiddenSize
		learnt := m.position.Data()
		position := append(make([]float32, 0, (1+to*to)*d), learnt[:d]...) // the class row has no place
		position = append(position, vision.Interpolate(learnt[d:], from, to, d, float64(from)/float64(to))...)
		other.position = tensor.NewParamOf(m.position.Name(), position, 1, 1+to*to, d)
		other.position.SetTrainable(false)
	}
	return &other, nil
}
