package vit

import "dragoman/vision"

// At is the model for pictures of another size: patches take their positions from between the learnt ones, as with transformers'
// interpolate_pos_encoding.
func (m *Model) At(size int) (*Model, error) {
	if err := vision.CheckSize(size, m.Config.PatchSize); err != nil {
		return nil, err
	}
	other := *m
	other.Config.ImageSize = size
	if from, to := m.Config.Grid(), other.Config.Grid(); from != to {
		other.places = m.places.Between(from, to, float64(from)/float64(to))
	}
	return &other, nil
}
