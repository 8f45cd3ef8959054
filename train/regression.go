package train

import (
	"errors"
	"slices"

	"dragoman/bridge/linear"
	"dragoman/kernel"
	"dragoman/tensor"

	"gonum.org/v1/gonum/mat"
)

// regression gives the picture's head its first values in closed form: from summaries of pictures to the embeddings of their captions.
type regression struct {
	x        []float32 // [pictures, in], with their mean
	captions []int32   // of each picture
	texts    *tensor.Tensor
	head     *linear.Head
	axes     *tensor.Tensor // nil, or what the landmarks' axes are; otherwise they are the principal ones of the pictures
}

// reach is how near landmarks are heard: a picture as far away as most are counts exp(−reach). Wider ones would fit as well, but their
// values are so large, and cancel so nearly, that they cannot be rounded to a byte each.
const reach = 4

// solve finds the head's values: ridge regression for the straight map, then for the landmarks, of which each is one of the pictures,
// what is left to say. near is the landmarks' own ridge.
func (r *regression) solve(lambda, near float64) error {
	h := r.head
	in, out, n := h.In(), h.Out(), len(r.captions)
	left := make([]float32, n*out) // of each picture's target
	for i, k := range r.captions {
		copy(left[i*out:(i+1)*out], r.texts.Data()[int(k)*out:])
	}
	copy(h.Mean.Data(), columnMeans(r.x, in))
	copy(h.Bias.Data(), columnMeans(left, out))
	for i := range left {
		left[i] -= h.Bias.Data()[i%out]
	}
	c := make([]float32, len(r.x))
	for i, v := range r.x {
		c[i] = v - h.Mean.Data()[i%in]
	}
	if err := r.straight(c, left, lambda); err != nil || h.Landmarks == nil {
		return err
	}
	return r.landmarks(c, left, near)
}

// straight fits the straight map.
func (r *regression) straight(c, left []float32, lambda float64) error {
	in, out := r.head.In(), r.head.Out()
	gram, cross := products(c, in, c, in), products(c, in, left, out)
	for i := range in {
		gram[i*in+i] += float32(lambda)
	}
	if err := solveSymmetric(gram, cross, in); err != nil {
		return err
	}
	for o := range out {
		for i := range in {
			r.head.Weight.Data()[o*in+i] = cross[i*out+o]
		}
	}
	run := tensor.NewRun(tensor.Options{})
	n := len(r.captions)
	subtract(left, run.Linear(tensor.FromFloats(c, n, in), r.head.Weight, nil, kernel.NoAct).Data())
	return nil
}

// landmarks fits the landmarks: they stand at the first pictures, and are compared along the principal axes of all.
func (r *regression) landmarks(c, left []float32, lambda float64) error {
	l := r.head.Landmarks
	in, out, n := r.head.In(), r.head.Out(), len(r.captions)
	marks, axes := l.Points.Dim(0), l.Axes.Dim(0)
	var variance float64
	for _, v := range c {
		variance += float64(v) * float64(v) / float64(n)
	}
	if r.axes != nil {
		copy(l.Axes.Data(), r.axes.Data())
	} else if err := principalAxes(c, in, axes, l.Axes.Data()); err != nil {
		return err
	}
	run := tensor.NewRun(tensor.Options{})
	some := tensor.FromFloats(c[:marks*in], marks, in)
	copy(l.Points.Data(), run.Linear(some, l.Axes, nil, kernel.NoAct).Data())
	l.Rate.Data()[0] = float32(reach / (2 * variance))
	l.Settle()
	run.Reset()
	near := slices.Clone(l.Near(run, some).Data())
	for i := range marks {
		near[i*marks+i] += float32(lambda)
	}
	if err := solveSymmetric(near, left[:marks*out], marks); err != nil {
		return err
	}
	for o := range out {
		for j := range marks {
			l.Values.Data()[o*marks+j] = left[j*out+o]
		}
	}
	return nil
}

// principalAxes writes the directions in which rows c [n, in] around zero differ most.
func principalAxes(c []float32, in, axes int, dst []float32) error {
	if largestAxes(products(c, in, c, in), in, axes, dst) == nil {
		return errors.New("landmarks: the principal axes of the pictures were not found")
	}
	return nil
}

// largestAxes writes the eigenvectors of a symmetric matrix [width, width] with the largest eigenvalues to axes [count, width], the largest
// first, and gives those values; nil where they were not found.
func largestAxes(symmetric []float32, width, count int, axes []float32) []float64 {
	s := mat.NewSymDense(width, nil)
	for i := range width {
		for j := range i + 1 {
			s.SetSym(i, j, float64(symmetric[i*width+j]))
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(s, true) {
		return nil
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	for a := range count { // the largest come last
		for i := range width {
			axes[a*width+i] = float32(vectors.At(i, width-1-a))
		}
	}
	values := eigen.Values(nil)
	slices.Reverse(values)
	return values[:count]
}

// products is aᵀb of a [rows, wa] and b [rows, wb].
func products(a []float32, wa int, b []float32, wb int) []float32 {
	const stripe = 2048 // rows at a time: their transposes are all the memory that is needed
	run := tensor.NewRun(tensor.Options{})
	sum := make([]float32, wa*wb)
	for from := 0; from < len(a)/wa; from += stripe {
		to := min(from+stripe, len(a)/wa)
		run.Reset()
		left := run.Transpose(tensor.FromFloats(a[from*wa:to*wa], to-from, wa), 0, 1)
		for i, v := range run.MatMul(left, tensor.FromFloats(b[from*wb:to*wb], to-from, wb), false).Data() {
			sum[i] += v
		}
	}
	return sum
}
