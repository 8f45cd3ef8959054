package linear

import (
	"math"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Landmarks is a kernel machine over pictures that were seen: what each of them says counts by how near it is. Where a perceptron
// trained by contrast learns the captions that there are by heart, this regression keeps to what lies between them, and finds
// captions that it never met more often.
//
//	c [batch, in] ↦ Σ_j value_j · exp(−rate·|axes·c − point_j|²)    [batch, out]
type Landmarks struct {
	Axes    *tensor.Tensor // [dims, in]: the directions in which distance counts
	Points  *tensor.Tensor // [n, dims]
	Rate    *tensor.Tensor // [1]
	Values  *tensor.Tensor // [out, n]; the only ones that learn
	squares []float32      // |point|²
}

// NewLandmarks binds landmarks, or makes fresh ones that say nothing.
func NewLandmarks(b *nn.Builder, s Size) *Landmarks {
	fixed := b.Trainable(false)
	l := &Landmarks{
		Axes:   fixed.Tensor("axes.weight", nn.Init{}, s.Axes, s.In),
		Points: fixed.Tensor("points.weight", nn.Init{}, s.Landmarks, s.Axes),
		Rate:   fixed.Tensor("rate", nn.Init{}, 1),
		Values: b.Tensor("values.weight", nn.Init{}, s.Out, s.Landmarks),
	}
	l.Settle()
	return l
}

// Settle measures the points anew, after somebody changed them.
func (l *Landmarks) Settle() {
	n, dims := l.Points.Dim(0), l.Points.Dim(1)
	l.squares = make([]float32, n)
	row := make([]float32, dims)
	for j := range n {
		if x := l.Points.Data(); x != nil {
			copy(row, x[j*dims:])
		} else {
			l.Points.Mat().Values(row, j)
		}
		l.squares[j] = square(row)
	}
}

// Far is how far each picture c [batch, in] is from each landmark, as rate·|axes·c − point|²: [batch, n]. Nothing is recorded.
func (l *Landmarks) Far(run *tensor.Run, c *tensor.Tensor) *tensor.Tensor {
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	z := run.Linear(c, l.Axes, nil, kernel.NoAct)
	y := run.Linear(z, l.Points, nil, kernel.NoAct)
	n, dims := len(l.squares), l.Points.Dim(1)
	rate := float64(l.Rate.Data()[0])
	tensor.DefaultPool().Do(z.Dim(0), func(b, _ int) {
		own := square(z.Data()[b*dims : (b+1)*dims])
		row := y.Data()[b*n : (b+1)*n]
		for j, s := range l.squares {
			row[j] = float32(rate * max(0, float64(own+s-2*row[j])))
		}
	})
	return y
}

// Near is how near each picture c [batch, in] is to each landmark, from 0 to 1: [batch, n]. Nothing is recorded.
func (l *Landmarks) Near(run *tensor.Run, c *tensor.Tensor) *tensor.Tensor {
	y := l.Far(run, c)
	n := y.Dim(1)
	tensor.DefaultPool().Do(y.Dim(0), func(b, _ int) {
		for j, v := range y.Data()[b*n : (b+1)*n] {
			y.Data()[b*n+j] = float32(math.Exp(-float64(v)))
		}
	})
	return y
}

// Forward maps c [batch, in] to [batch, out].
func (l *Landmarks) Forward(run *tensor.Run, c *tensor.Tensor) *tensor.Tensor {
	return run.Linear(l.Near(run, c), l.Values, nil, kernel.NoAct)
}

func square(x []float32) float32 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return float32(s)
}
