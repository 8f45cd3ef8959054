package vision

import (
	"fmt"
	"math"

	"dragoman/tensor"
)

// MaxSize bounds the side of a picture that an encoder is asked to read at another size than it was trained at.
const MaxSize = 1 << 13

// maxGrid is the most patches that a side of such a picture may have: what attention takes grows with the fourth power of it, and of 128 times
// 128 patches a large encoder's takes minutes.
const maxGrid = 1 << 7

// CheckSize says whether an encoder of such patches can read pictures of a size.
func CheckSize(size, patch int) error {
	if size < patch || size > MaxSize {
		return fmt.Errorf("pictures of %d×%d: the encoder can be brought to sizes from %d, its patch, to %d", size, size, patch, MaxSize)
	}
	if grid := size / patch; grid > maxGrid {
		return fmt.Errorf("pictures of %d×%d: that is %d patches of %d×%d, the most is %d, as of pictures of %d×%d",
			size, size, grid*grid, patch, patch, maxGrid*maxGrid, maxGrid*patch, maxGrid*patch)
	}
	return nil
}

// positions brings learnt positions, a row for the picture as a whole and from·from for its patches, to to·to patches: a frozen tensor of the
// given shape. step is as for Interpolate.
func positions(learnt *tensor.Tensor, from, to int, step float64, shape ...int) *tensor.Tensor {
	x, d := learnt.Floats(), learnt.Dim(-1)
	position := append(make([]float32, 0, (1+to*to)*d), x[:d]...) // the whole has no place
	position = append(position, Interpolate(x[d:], from, to, d, step)...)
	p := tensor.NewParamOf(learnt.Name(), position, shape...)
	p.SetTrainable(false)
	return p
}

// spread is positions as a map of rows, [1+to·to, 1+from·from], for positions that are to have a gradient.
func spread(from, to int, step float64) *tensor.Tensor {
	n := from * from
	unit := make([]float32, n*n)
	for i := range n {
		unit[i*n+i] = 1
	}
	between := Interpolate(unit, from, to, n, step)
	x := make([]float32, (1+to*to)*(1+n))
	x[0] = 1
	for i := range to * to {
		copy(x[(1+i)*(1+n)+1:], between[i*n:(i+1)*n])
	}
	return tensor.FromFloats(x, 1+to*to, 1+n)
}

// Interpolate brings a square map x [from, from, d] to [to, to, d], as torch's bicubic interpolate does without anti-aliasing: four neighbours
// along each axis, those beyond an edge being the edge. step is how far two places of the result are apart on the map: from/to, unless a
// reference says otherwise.
func Interpolate(x []float32, from, to, d int, step float64) []float32 {
	wide := make([]float32, from*to*d)
	for row := range from {
		interpolate(wide[row*to*d:], x[row*from*d:], from, to, 1, d, step)
	}
	out := make([]float32, to*to*d)
	for col := range to {
		interpolate(out[col*d:], wide[col*d:], from, to, to, d, step)
	}
	return out
}

// interpolate is bicubic along one axis, whose entries of d values are stride entries apart.
func interpolate(dst, src []float32, from, to, stride, d int, step float64) {
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
