package vision

import "dragoman/tensor"

// Places are an encoder's positions: as they were learnt, a row for the picture as a whole and one for each patch, or, for pictures of another size,
// what comes of them.
type Places struct {
	Learnt  *tensor.Tensor // […, 1+from·from, width]
	between *tensor.Tensor // nil, or the positions of another size, frozen
	spread  *tensor.Tensor // nil, or how those come of Learnt, which then has a gradient
}

// Between are the places of to·to patches, where from·from were learnt; step is as for Interpolate.
func (p Places) Between(from, to int, step float64) Places {
	if p.Learnt.NeedsGrad() {
		p.spread = spread(from, to, step)
	} else {
		p.between = positions(p.Learnt, from, to, step, 1+to*to, p.Learnt.Dim(-1))
	}
	return p
}

// Rows are the positions of a picture: [1+patches, width].
func (p Places) Rows(r *tensor.Run) *tensor.Tensor {
	if p.between != nil {
		return p.between
	}
	learnt := r.Reshape(p.Learnt, p.Learnt.Rows(), p.Learnt.Dim(-1))
	if p.spread != nil {
		return r.MatMul(p.spread, learnt, false)
	}
	return learnt
}
