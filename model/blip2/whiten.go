package blip2

import (
	"errors"
	"math"

	"dragoman/tensor"

	"gonum.org/v1/gonum/mat"
)

// whitenFloor is added to every variance, as a share of the mean variance: directions in which texts hardly differ are noise.
const whitenFloor = 0.05

// readingShare is how far what the language model makes of texts is spread out, where the text stream's vectors are spread to 1.
const readingShare = 0.8

// WhitenTexts sets the text projection to what takes the mean from texts' embeddings and divides each of their principal directions
// by its variance to the power of power/2: 0 only centres, 1 makes all directions equal. Sentence encoders put all captions into one
// corner of their space, where a few are near to everything; spread out, each is found by what sets it apart.
//
// Where the language model reads texts too, its states are spread out likewise, and both are turned so that the directions in which
// they differ most together are what is kept, evened out once more by half the power. What is kept is then turned so that texts lie as
// nearly as can be where the text stream alone would have them: cosines do not change by that, and what has learnt to read the shared
// space, such as a soft prompt's map of the picture, goes on reading it.
func (m *Model) WhitenTexts(texts []string, power float64) error {
	head, width := m.Bridge.Heads.Text, m.Config.Shared
	if head == nil || m.Config.QFormer.Width != width {
		return errors.New("whiten texts: there is no square text projection")
	}
	run := tensor.NewRun(tensor.Options{})
	x := m.readTexts(run, texts, width, func(run *tensor.Run, texts []string, limit int) *tensor.Tensor {
		return m.Bridge.poolTexts(run, m.Texts(texts, limit))
	})
	own, err := whiten(x, width, power)
	if err != nil {
		return err
	}
	turn, shift := own.turn, own.shift(own.turn)
	if reading := m.Bridge.Reading; reading != nil {
		states := m.allReadings(run, texts)
		read, err := whiten(states, reading.Dim(1), power)
		if err != nil {
			return err
		}
		alone := own.spreadOut()
		own.spread(1)
		read.spread(readingShare)
		ofOwn, ofRead, err := turnTogether(own, read, width, power/2)
		if err != nil {
			return err
		}
		if err := turnBack(alone, own, read, ofOwn, ofRead); err != nil {
			return err
		}
		for i := range reading.Data() {
			reading.Data()[i] = float32(ofRead.At(i/reading.Dim(1), i%reading.Dim(1)))
		}
		turn, shift = ofOwn, own.shift(ofOwn)
		shift.AddVec(shift, read.shift(ofRead))
	}
	head.Set(func(i, j int) float32 { return float32(turn.At(i, j)) }, func(i int) float32 { return float32(-shift.AtVec(i)) })
	return nil
}

// whitened are rows that were spread out.
type whitened struct {
	rows *mat.Dense    // [n, width], around their mean, as they were
	mean *mat.VecDense // [width]
	turn *mat.Dense    // [width, width]: what spreads them out
}

// whiten finds what spreads rows [n, width] out.
func whiten(x []float32, width int, power float64) (*whitened, error) {
	n := len(x) / width
	w := &whitened{rows: mat.NewDense(n, width, nil), mean: mat.NewVecDense(width, nil), turn: new(mat.Dense)}
	for i, v := range x {
		w.mean.SetVec(i%width, w.mean.AtVec(i%width)+float64(v)/float64(n))
	}
	w.rows.Apply(func(i, j int, _ float64) float64 { return float64(x[i*width+j]) - w.mean.AtVec(j) }, w.rows)
	covariance := mat.NewSymDense(width, nil)
	covariance.SymOuterK(1/float64(n), w.rows.T())
	vectors, scaled, err := evened(covariance, power)
	if err != nil {
		return nil, err
	}
	w.turn.Mul(scaled, vectors.T())
	return w, nil
}

// evened are a covariance's eigenvectors, a column each, the largest last, and the same divided by their variances to the power of power/2.
func evened(covariance *mat.SymDense, power float64) (vectors, scaled *mat.Dense, err error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(covariance, true) {
		return nil, nil, errors.New("whiten texts: the eigenvalues of the covariance were not found")
	}
	values, floor := eigen.Values(nil), whitenFloor*mat.Trace(covariance)/float64(covariance.SymmetricDim())
	vectors, scaled = new(mat.Dense), new(mat.Dense)
	eigen.VectorsTo(vectors)
	scaled.Apply(func(_, j int, v float64) float64 {
		return v * math.Pow(max(0, values[j])+floor, -power/2)
	}, vectors)
	return vectors, scaled, nil
}

// shift is what a map to the shared space makes of the mean.
func (w *whitened) shift(turn mat.Matrix) *mat.VecDense {
	var s mat.VecDense
	s.MulVec(turn, w.mean)
	return &s
}

// spread scales what spreads the rows out, so that their mean square length becomes length².
func (w *whitened) spread(length float64) {
	y := w.spreadOut()
	n, _ := y.Dims()
	w.turn.Scale(length*math.Sqrt(float64(n))/math.Max(mat.Norm(y, 2), 1e-12), w.turn)
}

// spreadOut are the rows, spread out.
func (w *whitened) spreadOut() *mat.Dense {
	var y mat.Dense
	y.Mul(w.rows, w.turn)
	return &y
}

// turnTogether are the maps of both kinds of rows to the so many directions in which they, side by side and spread out, differ most, which
// are evened out in turn.
func turnTogether(a, b *whitened, directions int, power float64) (ofA, ofB *mat.Dense, err error) {
	n, wide := a.rows.Dims()
	_, more := b.rows.Dims()
	both := new(mat.Dense)
	both.Augment(a.spreadOut(), b.spreadOut())
	covariance := mat.NewSymDense(wide+more, nil)
	covariance.SymOuterK(1/float64(n), both.T())
	_, scaled, err := evened(covariance, power)
	if err != nil {
		return nil, nil, err
	}
	from := wide + more - directions
	ofA, ofB = new(mat.Dense), new(mat.Dense)
	ofA.Mul(scaled.Slice(0, wide, from, wide+more).T(), a.turn)
	ofB.Mul(scaled.Slice(wide, wide+more, from, wide+more).T(), b.turn)
	return ofA, ofB, nil
}

// turnBack turns both maps alike, so that the sums of what they make of both kinds of rows, of length 1, come as near as a rotation brings
// them to rows that mean the same (the orthogonal Procrustes problem).
func turnBack(to *mat.Dense, a, b *whitened, ofA, ofB *mat.Dense) error {
	var x, y, cross, turn mat.Dense
	x.Mul(a.rows, ofA.T())
	y.Mul(b.rows, ofB.T())
	x.Add(&x, &y)
	cross.Mul(units(to).T(), units(&x))
	var parts mat.SVD
	if !parts.Factorize(&cross, mat.SVDFull) {
		return errors.New("whiten texts: no rotation was found")
	}
	var u, v mat.Dense
	parts.UTo(&u)
	parts.VTo(&v)
	turn.Mul(&u, v.T())
	for _, of := range []*mat.Dense{ofA, ofB} {
		was := mat.DenseCopyOf(of)
		of.Mul(&turn, was)
	}
	return nil
}

// units are rows scaled to length 1.
func units(m *mat.Dense) *mat.Dense {
	u := mat.DenseCopyOf(m)
	rows, _ := u.Dims()
	for i := range rows {
		row := u.RowView(i).(*mat.VecDense)
		row.ScaleVec(1/math.Max(mat.Norm(row, 2), 1e-12), row)
	}
	return u
}
