package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"dragoman/model/flamingo"
	"dragoman/tensor"
)

// begin gives the bridge its first values: the ridge regression from pictures' summaries to the mean embeddings of their words, along the
// directions in which what it says differs most.
func (l *gateLearner) begin() error {
	t, m := l.t, l.t.model
	var members []int
	for _, d := range l.sets {
		members = append(members, d.members...)
	}
	slices.Sort(members)
	members = slices.Compact(members)
	var x, y []float32
	in, width := 0, m.Language.Config().Width
	run := tensor.NewRun(tensor.Options{})
	table := slices.Clone(m.Language.Embed(run, l.words.ids, len(l.words.ids)).Data())
	const step = 256
	for from := 0; from < len(members); from += step {
		part := members[from:min(from+step, len(members))]
		var reqs []request
		var texts []string
		for _, i := range part {
			p := &t.train.pairs[i]
			reqs, texts = append(reqs, request{pair: p, index: i}), append(texts, p.texts[p.likeliest()])
		}
		raw, err := t.views.features(reqs)
		if err != nil {
			return err
		}
		run.Reset()
		s, err := m.Summaries(run, raw)
		if err != nil {
			return err
		}
		in = s.Dim(1)
		x = append(x, s.Data()...)
		targets := tensor.FromFloats(l.words.targets(texts), len(texts), len(l.words.ids))
		y = append(y, run.MatMul(targets, tensor.FromFloats(table, len(l.words.ids), width), false).Data()...)
		t.opt.Progress(Progress{Doing: "summing pictures up", Done: from + len(part), All: len(members)})
	}
	line, err := fitLine(x, y, in, width, m.Lines(), l.stage.Ridge)
	if err != nil {
		return err
	}
	line.Gain = float32(l.stage.Gain)
	return m.Begin(line)
}

// fitLine is the regression of y [n, out] on x [n, in], of a rank.
func fitLine(x, y []float32, in, out, rank int, lambda float64) (flamingo.Line, error) {
	n := len(x) / in
	meanX, meanY := columnMeans(x, in), columnMeans(y, out)
	for i := range x {
		x[i] -= meanX[i%in]
	}
	for i := range y {
		y[i] -= meanY[i%out]
	}
	gram, map1 := products(x, in, x, in), products(x, in, y, out)
	spread := slices.Clone(gram)
	for i := range in {
		gram[i*in+i] += float32(lambda)
	}
	if err := solveSymmetric(gram, map1, in); err != nil { // map1 is now [in, out]
		return flamingo.Line{}, fmt.Errorf("ridge: %w", err)
	}
	run := tensor.NewRun(tensor.Options{})
	b := tensor.FromFloats(map1, in, out)
	said := run.MatMul(run.Transpose(b, 0, 1), run.MatMul(tensor.FromFloats(spread, in, in), b, false), false).Data() // the covariance of what is said, times n
	rank = min(rank, out)
	directions := make([]float32, rank*out)
	values := largestAxes(said, out, rank, directions)
	if values == nil {
		return flamingo.Line{}, errors.New("ridge: the directions were not found")
	}
	line := flamingo.Line{Rank: rank, Shift: make([]float32, rank), Mean: meanY}
	var variance float64
	for _, v := range values {
		variance += max(0, v) / float64(n)
	}
	// Places are made as long as a norm makes them.
	scale := float32(math.Sqrt(float64(rank) / variance))
	places := run.MatMul(tensor.FromFloats(directions, rank, out), run.Transpose(b, 0, 1), false).Data() // [rank, in]
	line.In, line.Out = make([]float32, rank*in), make([]float32, rank*out)
	for r := range rank {
		for i := range in {
			line.In[r*in+i] = places[r*in+i] * scale
			line.Shift[r] -= line.In[r*in+i] * meanX[i]
		}
		for j := range out {
			line.Out[r*out+j] = directions[r*out+j] / scale
		}
	}
	return line, nil
}
