package vit

import "dragoman/vision"

// At is the model for pictures of another size: patches take their positions from between the learnt ones, as with transformers'
// interpolate_pos_encoding. Its positions do not learn.
func (m *Model) At(size int) (*Model, error) {
	if err := vision.CheckSize(size, m.Config.PatchSize); err != nil {
		return nil, err
	}
	other := *m
	other.Config.ImageSize = size
	if from, to := m.Config.Grid(), other.Config.Grid(); from != to {
		other.position = vision.Positions(m.position, from, to, float64(from)/float64(to), 1, 1+to*to, m.Config.HiddenSize)
	}
	return &other, nil
}
