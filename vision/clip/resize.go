package clip

import (
	"fmt"

	"dragoman/kernel"
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
	from, to, d := m.Config.Grid(), other.Config.Grid(), m.Config.HiddenSize
	if from == to {
		return &other, nil
	}
	learnt := m.position.Data()
	if learnt == nil { // stored in 16 bits
		learnt = make([]float32, m.position.Len())
		kernel.Decode(m.position.DType(), learnt, m.position.Mat().Data)
	}
	position := append(make([]float32, 0, (1+to*to)*d), learnt[:d]...) // the class row has no place
	position = append(position, vision.Interpolate(learnt[d:], from, to, d, float64(from)/(float64(to)+m.Config.Nudge))...)
	other.position = tensor.NewParamOf(m.position.Name(), position, 1+to*to, d)
	other.position.SetTrainable(false)
	return &other, nil
}
