package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"dragoman/bridge/linear"
	"dragoman/model/blip2"
	"dragoman/nn"
	"dragoman/tensor"

	"gonum.org/v1/gonum/mat"
)

// A head in closed form knows the pictures that it was fitted to by heart: it makes no mistake on them that matching could learn to
// mend. So the pictures are parted into folds by what a field of their rows says, their style, and each is ranked among all captions by
// a head that was fitted without its fold, and compared with the landmarks of the other folds alone. What the remembered pictures add
// to the cosine is then a conditional logit: of the captions that come first by cosine, which is the picture's own?

// nearestTexts is how many captions matching sorts: as many as a search ranks again by default in the recipes.
const nearestTexts = 16

// choice is a list that matching sorts: of each caption the odds by cosine, and the terms of what the remembered pictures add.
type choice struct {
	cosines []float64
	terms   [][]float64
	own     int // index of the picture's own caption
}

// learnRecall fits the weights of blip2.Recall; x are the summaries of the pictures trained on, as they are.
func (w *warmer) learnRecall(x []float32, captions []int32) error {
	t, st := w.t, w.stage
	h := t.model.Bridge.Head
	if h.Landmarks == nil {
		return fmt.Errorf("folds: the picture's head has no landmarks")
	}
	folds, err := t.folds(st.Folds)
	if err != nil {
		return err
	}
	var choices []choice
	for k, fold := range folds {
		t.opt.Progress(Progress{Doing: "fitting heads without a fold", Done: k, All: len(folds)})
		some, err := w.withoutFold(x, captions, fold)
		if err != nil {
			return err
		}
		choices = append(choices, some...)
	}
	weights, err := fitChoices(choices)
	if err != nil {
		return fmt.Errorf("folds: %s: %w", st.Folds, err)
	}
	t.model.Config.Extras.MatchMemory, t.state.Recall = weights, weights
	before, after := shareRight(choices, make([]float64, len(weights))), shareRight(choices, weights)
	return t.metrics.add(Record{Stage: st.Name, Losses: map[string]float64{"cosine_first": before, "matched_first": after}})
}

// withoutFold fits a head to all pictures but a fold's, and has it rank the captions of these.
func (w *warmer) withoutFold(x []float32, captions []int32, fold []int) ([]choice, error) {
	h, in := w.t.model.Bridge.Head, w.t.model.Bridge.Head.In()
	r := regression{texts: w.texts, axes: h.Landmarks.Axes}
	for i, c := range captions {
		if _, own := slices.BinarySearch(fold, i); !own {
			r.x = append(r.x, x[i*in:(i+1)*in]...)
			r.captions = append(r.captions, c)
		}
	}
	marks := h.Landmarks.Points.Dim(0)
	b := nn.NewBuilder(nil, nn.BuilderOptions{})
	r.head = linear.New(b, linear.Size{In: in, Out: h.Out(), Landmarks: min(marks, len(r.captions)), Axes: h.Landmarks.Axes.Dim(0)})
	if err := b.Err(); err != nil {
		return nil, err
	}
	if err := r.solve(w.stage.Ridge, w.stage.NearRidge); err != nil {
		return nil, fmt.Errorf("folds: %w", err)
	}
	counts := make([]int, w.texts.Dim(0)) // of the landmarks of other folds
	outside := make([]bool, marks)
	for j := range outside {
		if _, own := slices.BinarySearch(fold, j); !own {
			outside[j] = true
			counts[captions[j]]++
		}
	}
	run := tensor.NewRun(tensor.Options{})
	var choices []choice
	const batch = 64
	for from := 0; from < len(fold); from += batch {
		part := fold[from:min(from+batch, len(fold))]
		run.Reset()
		seen := run.New(len(part), in)
		for b, i := range part {
			copy(seen.Data()[b*in:(b+1)*in], x[i*in:])
		}
		u := run.Normalize(r.head.Forward(run, r.head.Centre(run, seen)))
		cosines := run.MatMul(u, w.texts, true).Data()
		far := h.Landmarks.Far(run, h.Centre(run, seen)).Data()
		for b, i := range part {
			if c, ok := w.choice(cosines[b*len(counts):(b+1)*len(counts)], far[b*marks:(b+1)*marks], outside, counts, captions, captions[i]); ok {
				choices = append(choices, c)
			}
		}
	}
	return choices, nil
}

// choice is one picture's list, if its own caption is on it.
func (w *warmer) choice(cosines, far []float32, outside []bool, counts []int, captions []int32, own int32) (choice, bool) {
	order := make([]int32, len(cosines))
	for c := range order {
		order[c] = int32(c)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(cosines[b], cosines[a]), cmp.Compare(a, b)) })
	order = order[:min(nearestTexts, len(order))]
	at := slices.Index(order, own)
	if at < 0 {
		return choice{}, false
	}
	nearest := make([]float32, len(order))
	for k := range nearest {
		nearest[k] = float32(math.Inf(1))
	}
	for j, d := range far {
		if k := slices.Index(order, captions[j]); k >= 0 && outside[j] {
			nearest[k] = min(nearest[k], d)
		}
	}
	out, temperature := choice{own: at}, float64(w.t.model.Bridge.Temperature())
	for k, c := range order {
		terms := blip2.RecallTerms(nearest[k], counts[c])
		out.cosines = append(out.cosines, float64(cosines[c])/temperature)
		out.terms = append(out.terms, terms[:])
	}
	return out, true
}

// folds are the numbers of the pairs, in order, by what a field of their rows says.
func (t *trainer) folds(field string) ([][]int, error) {
	number := map[string]int{}
	var folds [][]int
	for i := range t.train.pairs {
		p := &t.train.pairs[i]
		row, err := p.set.Row(p.row)
		if err != nil {
			return nil, err
		}
		k := numbered(number, fmt.Sprint(row.Extra[field]))
		if k == len(folds) {
			folds = append(folds, nil)
		}
		folds[k] = append(folds[k], i)
	}
	if len(folds) < 2 {
		return nil, fmt.Errorf("folds: %s: all rows say the same", field)
	}
	return folds, nil
}

// logit writes the odds of a list's captions.
func (c choice) logit(weights []float64) []float64 {
	out := slices.Clone(c.cosines)
	for k, terms := range c.terms {
		for i, w := range weights {
			out[k] += w * terms[i]
		}
	}
	return out
}

// fitChoices maximises the likelihood of the lists' own captions by Newton's method, with a little ridge.
func fitChoices(choices []choice) ([]float64, error) {
	if len(choices) == 0 {
		return nil, fmt.Errorf("no picture's own caption is among the %d nearest of a head that was fitted without it", nearestTexts)
	}
	const rounds, ridge = 25, 1e-3
	n := len(choices[0].terms[0])
	weights := make([]float64, n)
	for range rounds {
		gradient, hessian := mat.NewVecDense(n, nil), mat.NewSymDense(n, nil)
		for i, w := range weights {
			gradient.SetVec(i, ridge*w)
			hessian.SetSym(i, i, ridge)
		}
		for _, c := range choices {
			p := softmax(c.logit(weights))
			mean := mat.NewVecDense(n, nil)
			for k, terms := range c.terms {
				mean.AddScaledVec(mean, p[k], mat.NewVecDense(n, terms))
			}
			for k, terms := range c.terms {
				apart := mat.NewVecDense(n, nil)
				apart.SubVec(mat.NewVecDense(n, terms), mean)
				hessian.SymRankOne(hessian, p[k]/float64(len(choices)), apart)
				if k == c.own {
					gradient.AddScaledVec(gradient, -1/float64(len(choices)), apart)
				}
			}
		}
		var factor mat.Cholesky
		var step mat.VecDense
		if !factor.Factorize(hessian) || factor.SolveVecTo(&step, gradient) != nil {
			break // as good as it gets
		}
		for i := range weights {
			weights[i] -= step.AtVec(i)
		}
		if mat.Norm(&step, 2) < 1e-6 {
			break
		}
	}
	return weights, nil
}

// shareRight is how many of the lists have the picture's own caption at their head.
func shareRight(choices []choice, weights []float64) float64 {
	right := 0
	for _, c := range choices {
		odds := c.logit(weights)
		if slices.Max(odds) == odds[c.own] {
			right++
		}
	}
	return float64(right) / float64(len(choices))
}

func softmax(x []float64) []float64 {
	highest, sum := slices.Max(x), 0.0
	p := make([]float64, len(x))
	for i, v := range x {
		p[i] = math.Exp(v - highest)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
