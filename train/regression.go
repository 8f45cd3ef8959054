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
	views    []float32 // nil, or what is seen of each picture besides: [pictures, views of each, in]
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
	parts := []fitted{{centred(r.x, h.Mean.Data()), left}}
	if len(r.views) > 0 {
		var of []float32 // what is left of each view's picture
		for i := range n {
			for range len(r.views) / len(r.x) {
				of = append(of, left[i*out:(i+1)*out]...)
			}
		}
		parts = append(parts, fitted{centred(r.views, h.Mean.Data()), of})
	}
	if err := r.straight(parts, lambda); err != nil || h.Landmarks == nil {
		return err
	}
	return r.landmarks(parts, near)
}

// fitted is what values are found for: the pictures as they are, or their views.
type fitted struct {
	c    []float32 // [rows, in], without the pictures' mean
	left []float32 // [rows, out], what is left to say of each
}

// centred is x [rows, len(mean)] without its mean.
func centred(x, mean []float32) []float32 {
	c := make([]float32, len(x))
	for i, v := range x {
		c[i] = v - mean[i%len(mean)]
	}
	return c
}

// straight fits the straight map, and takes what it says from what is left to say of pictures and views.
func (r *regression) straight(parts []fitted, lambda float64) error {
	in, out := r.head.In(), r.head.Out()
	gram, cross := make([]float32, in*in), make([]float32, in*out)
	for _, p := range parts {
		add(gram, products(p.c, in, p.c, in))
		add(cross, products(p.c, in, p.left, out))
	}
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
	for _, p := range parts {
		stripes(len(p.c)/in, func(from, to int) {
			run.Reset()
			subtract(p.left[from*out:to*out], run.Linear(tensor.FromFloats(p.c[from*in:to*in], to-from, in), r.head.Weight, nil, kernel.NoAct).Data())
		})
	}
	return nil
}

// landmarks fits the landmarks: they stand at the first pictures, and are compared along the principal axes of all.
func (r *regression) landmarks(parts []fitted, lambda float64) error {
	l, c, left := r.head.Landmarks, parts[0].c, parts[0].left
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
	values := left[:marks*out]
	if len(parts) == 1 {
		for i := range marks {
			near[i*marks+i] += float32(lambda)
		}
	} else {
		near, values = r.normal(near, parts, lambda)
	}
	if err := solveSymmetric(near, values, marks); err != nil {
		return err
	}
	for o := range out {
		for j := range marks {
			l.Values.Data()[o*marks+j] = values[j*out+o]
		}
	}
	return nil
}

// nugget is added to how near each landmark is to itself where it keeps values small: pictures that are there twice, or nearly, would have no
// limit to how far their values lie apart, and the equations could not be solved in 32 bits.
const nugget = 0.3

// normal are the normal equations a·z = b [landmarks, out] of landmarks that are fitted to all pictures and views: Σ|K·z − left|² + λ'·zᵀ·(near + nugget)·z
// is to be least, where K is how near each is to the landmarks, and λ' is λ for each time that there are as many of them as landmarks. Only
// the lower triangle of a is made.
func (r *regression) normal(near []float32, parts []fitted, lambda float64) (a, b []float32) {
	l := r.head.Landmarks
	in, out, marks := r.head.In(), r.head.Out(), l.Points.Dim(0)
	rows := 0
	for _, p := range parts {
		rows += len(p.c) / in
	}
	lambda *= float64(rows) / float64(marks)
	a, b = near, make([]float32, marks*out)
	for i := range marks {
		near[i*marks+i] += nugget
	}
	for i := range a {
		a[i] *= float32(lambda)
	}
	run := tensor.NewRun(tensor.Options{})
	for _, p := range parts {
		stripes(len(p.c)/in, func(from, to int) {
			run.Reset()
			k := l.Near(run, tensor.FromFloats(p.c[from*in:to*in], to-from, in))
			turned := run.Transpose(k, 0, 1)
			add(b, run.MatMul(turned, tensor.FromFloats(p.left[from*out:to*out], to-from, out), false).Data())
			stripes(marks, func(low, high int) {
				mark := run.Mark()
				rows := tensor.FromFloats(turned.Data()[low*(to-from):high*(to-from)], high-low, to-from)
				columns := tensor.FromFloats(turned.Data()[:high*(to-from)], high, to-from)
				product := run.MatMul(rows, columns, true).Data()
				tensor.DefaultPool().Do(high-low, func(task, _ int) {
					add(a[(low+task)*marks:(low+task)*marks+high], product[task*high:(task+1)*high])
				})
				run.Release(mark, nil)
			})
		})
	}
	return a, b
}

// stripes goes through n rows some at a time: what is made of them is all the memory that is needed.
func stripes(n int, each func(from, to int)) {
	const stripe = 2048
	for from := 0; from < n; from += stripe {
		each(from, min(from+stripe, n))
	}
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
	run := tensor.NewRun(tensor.Options{})
	sum := make([]float32, wa*wb)
	stripes(len(a)/wa, func(from, to int) {
		run.Reset()
		left := run.Transpose(tensor.FromFloats(a[from*wa:to*wa], to-from, wa), 0, 1)
		add(sum, run.MatMul(left, tensor.FromFloats(b[from*wb:to*wb], to-from, wb), false).Data())
	})
	return sum
}
