package train

import (
	"fmt"
	"math"
	"slices"

	"dragoman/eval"
	"dragoman/model/blip2"

	"gonum.org/v1/gonum/mat"
)

// choice is a list that matching sorts: what is known of each of its pairs, and which are right. It is a conditional logit: of the list,
// which is the right one?
type choice struct {
	pairs []blip2.Evidence
	right []bool
}

func (c *choice) add(e blip2.Evidence, right bool) {
	c.pairs, c.right = append(c.pairs, e), append(c.right, right)
}

// choices are a fold's: texts for a picture, and pictures for a text.
type choices struct {
	texts, pictures []choice
	unmet           bool
}

const terms = len(blip2.Evidence{})

// plainly are the weights by which the cosine alone counts.
var plainly = []float64{1, 0, 0, 0, 0, 0}

// shares are how much the fitted weights may count beside those of the cosine alone: not at all is among them.
var shares = []float64{0, 0.25, 0.5, 0.75, 1}

// fitMatching fits the weights on all folds. How much they may count is chosen by how each fold is sorted by the weights of the others:
// the share that finds most, of those by which no kind of list loses anything against the cosine. figures are what the folds found.
func fitMatching(sets []choices) (m *blip2.Matching, figures map[string]float64, err error) {
	weights, err := fitChoices(sets, -1)
	if err != nil {
		return nil, nil, err
	}
	found := make([]tally, len(shares))
	for k, set := range sets {
		others, err := fitChoices(sets, k)
		if err != nil {
			return nil, nil, err
		}
		for s, share := range shares {
			found[s].count(set, blend(others, share))
		}
	}
	best := 0
	for s := range shares {
		if found[s].atLeast(found[0]) && found[s].sum() > found[best].sum() {
			best = s
		}
	}
	weights = blend(weights, shares[best])
	figures = map[string]float64{"share": shares[best]}
	found[0].write(figures, "cosine")
	found[best].write(figures, "matching")
	return blip2.NewMatching(weights, fitBias(sets, weights)), figures, nil
}

// blend lets fitted weights count by a share.
func blend(fitted []float64, share float64) []float64 {
	out := make([]float64, terms)
	for i := range out {
		out[i] = share*fitted[i] + (1-share)*plainly[i]
	}
	return out
}

// fitChoices maximises the likelihood of the lists' right pairs by Newton's method, with a little ridge towards the cosine alone. The
// four kinds of list, texts and pictures of captions that were met and of others, count alike. except is a fold to leave out.
func fitChoices(sets []choices, except int) ([]float64, error) {
	const rounds, ridge = 40, 1e-3
	kinds := map[[2]bool][]choice{}
	for k, set := range sets {
		if k != except {
			kinds[[2]bool{set.unmet, false}] = append(kinds[[2]bool{set.unmet, false}], set.texts...)
			kinds[[2]bool{set.unmet, true}] = append(kinds[[2]bool{set.unmet, true}], set.pictures...)
		}
	}
	weights, step := slices.Clone(plainly), mat.NewVecDense(terms, nil)
	lowest := math.Inf(1)
	for range rounds {
		var all likelihood
		for _, unmet := range []bool{false, true} {
			for _, pictures := range []bool{false, true} {
				var l likelihood
				for _, c := range kinds[[2]bool{unmet, pictures}] {
					l.add(c, weights)
				}
				all.merge(l)
			}
		}
		if all.lists == 0 {
			return nil, fmt.Errorf("no right one is among the %d nearest by a head that was fitted without it", nearestTexts)
		}
		for i, w := range weights {
			all.loss += ridge * (w - plainly[i]) * (w - plainly[i]) / 2
			all.gradient[i] += ridge * (w - plainly[i])
			all.hessian[i*terms+i] += ridge
		}
		if all.loss > lowest { // too far: half the way back
			step.ScaleVec(0.5, step)
			for i := range weights {
				weights[i] += step.AtVec(i)
			}
			continue
		}
		lowest = all.loss
		var factor mat.Cholesky
		if !factor.Factorize(mat.NewSymDense(terms, all.hessian[:])) || factor.SolveVecTo(step, mat.NewVecDense(terms, all.gradient[:])) != nil {
			break // as good as it gets
		}
		for i := range weights {
			weights[i] -= step.AtVec(i)
		}
		if mat.Norm(step, 2) < 1e-6 {
			break
		}
	}
	return weights, nil
}

// likelihood is how unlikely lists make their right pairs, and how that changes with the weights.
type likelihood struct {
	lists    float64
	loss     float64
	gradient [terms]float64
	hessian  [terms * terms]float64
}

// add counts a list, once for each pair that is right, without the others that are.
func (l *likelihood) add(c choice, weights []float64) {
	for k, right := range c.right {
		if !right {
			continue
		}
		odds, some := make([]float64, 0, len(c.pairs)), make([]blip2.Evidence, 0, len(c.pairs))
		own := 0
		for j, e := range c.pairs {
			if j == k {
				own = len(some)
			}
			if j == k || !c.right[j] {
				odds, some = append(odds, weigh(e, weights)), append(some, e)
			}
		}
		p := softmax(odds)
		var mean blip2.Evidence
		for j, e := range some {
			for i, v := range e {
				mean[i] += p[j] * v
			}
		}
		for j, e := range some {
			for i := range e {
				for h := range i + 1 {
					l.hessian[i*terms+h] += p[j] * (e[i] - mean[i]) * (e[h] - mean[h])
				}
			}
		}
		for i := range mean {
			l.gradient[i] += mean[i] - some[own][i]
		}
		l.loss -= math.Log(max(p[own], 1e-300))
		l.lists++
	}
}

// merge adds the mean of a kind of lists.
func (l *likelihood) merge(kind likelihood) {
	if kind.lists == 0 {
		return
	}
	l.lists += kind.lists
	l.loss += kind.loss / kind.lists
	for i := range l.gradient {
		l.gradient[i] += kind.gradient[i] / kind.lists
		for h := range i + 1 {
			v := kind.hessian[i*terms+h] / kind.lists
			l.hessian[i*terms+h] += v
			if h != i {
				l.hessian[h*terms+i] += v
			}
		}
	}
}

func weigh(e blip2.Evidence, weights []float64) float64 {
	var odds float64
	for i, v := range e {
		odds += weights[i] * v
	}
	return odds
}

// fitBias is what makes the odds those of a pair being right, where as many are right as wrong, and these are as hard as those that
// matching is trained on: drawn by similarity.
func fitBias(sets []choices, weights []float64) float64 {
	const rounds = 50
	bias := 0.0
	for range rounds {
		var slope, curve float64
		for _, set := range sets {
			for _, c := range set.texts {
				own := slices.Index(c.right, true)
				if own < 0 {
					continue
				}
				near := make([]float64, len(c.pairs))
				for j, e := range c.pairs {
					near[j] = e[0]
				}
				near[own] = math.Inf(-1)
				if len(near) == 1 {
					continue
				}
				drawn := softmax(near)
				drawn[own] = 1
				for j, e := range c.pairs {
					p := 1 / (1 + math.Exp(-weigh(e, weights)-bias))
					want := 0.0
					if j == own {
						want = 1
					}
					slope += drawn[j] * (p - want)
					curve += drawn[j] * p * (1 - p)
				}
			}
		}
		step := slope / (curve + 1e-3)
		bias -= max(-1, min(1, step))
		if math.Abs(step) < 1e-9 {
			break
		}
	}
	return bias
}

// tally counts, of the four kinds of list, how many have a right pair first, and among the first five.
type tally struct{ lists, first, five [4]float64 }

func (t *tally) count(set choices, weights []float64) {
	for way, lists := range [][]choice{set.texts, set.pictures} {
		kind := way
		if set.unmet {
			kind += 2
		}
		for _, c := range lists {
			scores := make([]float32, len(c.pairs))
			for j, e := range c.pairs {
				scores[j] = float32(weigh(e, weights))
			}
			r := eval.RecallOf(scores, len(scores), func(_, j int) bool { return c.right[j] }) // 0 where none is on the list
			t.lists[kind]++
			t.first[kind] += r.R1 / 100
			t.five[kind] += r.R5 / 100
		}
	}
}

func (t *tally) atLeast(other tally) bool {
	for k := range t.lists {
		if t.first[k] < other.first[k] || t.five[k] < other.five[k] {
			return false
		}
	}
	return true
}

// sum is of the shares of all kinds.
func (t *tally) sum() float64 {
	var s float64
	for k, n := range t.lists {
		s += (t.first[k] + t.five[k]) / max(1, n)
	}
	return s
}

// write writes the shares in percent.
func (t *tally) write(figures map[string]float64, by string) {
	for k, kind := range []string{"met_text", "met_picture", "unmet_text", "unmet_picture"} {
		figures[kind+"_r1_"+by] = 100 * t.first[k] / max(1, t.lists[k])
		figures[kind+"_r5_"+by] = 100 * t.five[k] / max(1, t.lists[k])
	}
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
