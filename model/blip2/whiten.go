package blip2

import (
	"errors"
	"math"

	"dragoman/tensor"

	"gonum.org/v1/gonum/mat"
)

// whitenFloor is added to every variance, as a share of the mean variance: directions in which texts hardly differ are noise.
const whitenFloor = 0.05

// WhitenTexts sets the text projection to what takes the mean from texts' embeddings and divides each of their principal directions
// by its variance to the power of power/2: 0 only centres, 1 makes all directions equal. Sentence encoders put all captions into one
// corner of their space, where a few are near to everything; spread out, each is found by what sets it apart.
func (m *Model) WhitenTexts(texts []string, power float64) error {
	head, width := m.Bridge.Heads.Text, m.Config.Shared
	if head == nil || m.Config.QFormer.Width != width {
		return errors.New("whiten texts: there is no square text projection")
	}
	x := m.readTexts(tensor.NewRun(tensor.Options{}), texts, m.Bridge.poolTexts)
	n := len(texts)
	mean := make([]float64, width)
	for i, v := range x {
		mean[i%width] += float64(v) / float64(n)
	}
	covariance, row := mat.NewSymDense(width, nil), mat.NewVecDense(width, nil)
	for i := range n {
		for j, v := range x[i*width : (i+1)*width] {
			row.SetVec(j, float64(v)-mean[j])
		}
		covariance.SymRankOne(covariance, 1/float64(n), row)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(covariance, true) {
		return errors.New("whiten texts: the eigenvalues of the covariance were not found")
	}
	values, floor := eigen.Values(nil), whitenFloor*mat.Trace(covariance)/float64(width)
	var vectors, scaled, turn mat.Dense
	eigen.VectorsTo(&vectors)
	scaled.Apply(func(_, j int, v float64) float64 {
		return v * math.Pow(max(0, values[j])+floor, -power/2)
	}, &vectors)
	turn.Mul(&scaled, vectors.T())
	var shift mat.VecDense
	shift.MulVec(&turn, mat.NewVecDense(width, mean))
	head.Set(func(i, j int) float32 { return float32(turn.At(i, j)) }, func(i int) float32 { return float32(-shift.AtVec(i)) })
	return nil
}
