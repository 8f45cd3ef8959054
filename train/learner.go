package train

import (
	"math"

	"dragoman/bridge/qformer"
	"dragoman/model/blip2"
	"dragoman/tensor"
	"dragoman/weights"
)

// bridgeLearner computes a stage's losses of batches.
type bridgeLearner struct {
	t       *bridging
	stage   *Stage
	sampler *sampler
	warm    *warmer
	bank    *bank
	held    heldOut

	suggested []suggested // for each pair trained on, what hints are drawn from; nil: all captions
}

func (t *bridging) learner(st *Stage, trial bool) (learner, error) {
	shares := make([]float64, len(t.train.pairs))
	for i := range shares {
		shares[i] = t.train.pairs[i].share
	}
	l := &bridgeLearner{t: t, stage: st, held: heldOut{t: t.trainer}, sampler: newSampler(shares, mix(t.recipe.Seed, "order", uint64(t.state.Stage)))}
	if trial {
		if st.Kind == KindWarm {
			l.warm = t.newColdWarmer(st)
		}
		return l, nil
	}
	if !t.read && t.model.Bridge.Reading != nil { // in no trial, which is soon over
		t.opt.Progress(Progress{Doing: "reading captions", All: len(t.labels.texts)})
		t.model.KeepReadings(t.labels.texts)
		t.read = true
	}
	if st.LM != 0 {
		if err := t.remember(); err != nil {
			return nil, err
		}
	}
	if st.HintFolds != "" {
		var err error
		if l.suggested, err = t.suggest(st); err != nil {
			return nil, err
		}
	}
	if st.Bank {
		checkpoint := ""
		if t.state.Step > 0 {
			checkpoint = t.out.at(t.last)
		}
		var err error
		if l.bank, err = t.newBank(st.Neighbour, checkpoint); err != nil {
			return nil, err
		}
	}
	if st.Kind == KindWarm {
		var err error
		if l.warm, err = t.newWarmer(st); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// dealt implements learner.
func (l *bridgeLearner) dealt() (samples, rows int) { return l.stage.Batch, len(l.t.train.pairs) }

// keep is the captions' vectors that the bank began with.
func (l *bridgeLearner) keep() []weights.Tensor {
	if l.bank == nil {
		return nil
	}
	t := l.t
	return []weights.Tensor{weights.FromFloat32(originName, []int{len(t.labels.texts), t.model.Config.Shared}, l.bank.origin)}
}

// batch is what a step learns from.
type batch struct {
	raw      []float32 // as the model's Encode gives it
	lessons  []lesson
	labels   []int32   // which of all captions each is
	pictures []int     // which of all pictures each is of
	rows     []int     // which of all pairs trained on each is
	fits     [][]int32 // which of all captions are said of that picture
	seed     uint64
}

// losses computes batch k's: each by name, and their weighed sum, to go back from.
func (l *bridgeLearner) losses(k uint64) (map[string]float64, *tensor.Tensor, error) {
	t, n := l.t, l.stage.Batch
	reqs := make([]request, n)
	b := batch{seed: mix(t.recipe.Seed, "batch", uint64(t.state.Stage), k)}
	pick := rng(b.seed, "caption")
	for i := range n {
		index, epoch := l.sampler.at(k*uint64(n) + uint64(i))
		p := &t.train.pairs[index]
		reqs[i] = request{pair: p, index: index, view: t.view(epoch)}
		b.add(index, p, p.lesson(t.model, pick))
	}
	var err error
	if b.raw, err = t.views.features(reqs); err != nil {
		return nil, nil, err
	}
	if l.bank != nil {
		l.bank.refresh(t, l.stage)
	}
	parts, total := l.compute(b)
	return parts, total, nil
}

// notTrained stands in batch.rows for a pair that is held out.
const notTrained = -1

// add is one more sample of a batch: the pair of a row, and what is to be learnt of it.
func (b *batch) add(row int, p *pair, l lesson) {
	b.rows = append(b.rows, row)
	b.lessons = append(b.lessons, l)
	b.pictures = append(b.pictures, p.picture)
	b.fits = append(b.fits, p.said)
}

// compute is the forward pass.
func (l *bridgeLearner) compute(b batch) (map[string]float64, *tensor.Tensor) {
	t, st := l.t, l.stage
	for _, c := range b.lessons {
		b.labels = append(b.labels, t.labels.of(c.text))
	}
	out := map[string]float64{}
	var total *tensor.Tensor
	switch {
	case l.warm != nil:
		total = l.warm.loss(t.run, b)
	case !st.learns().First:
		total = l.say(b, nil, out)
	default:
		first := l.first(b, out)
		if total = first.Total; st.LM != 0 {
			total = t.run.Add(total, l.say(b, &first, out))
		}
	}
	out["loss"] = float64(total.Data()[0])
	return out, total
}

// first computes the first stage's losses, which it adds to out by name.
func (l *bridgeLearner) first(b batch, out map[string]float64) blip2.Stage1Losses {
	t, st := l.t, l.stage
	first := t.model.Bridge.Stage1(t.run, l.pairs(b), blip2.Objective{
		Contrast: st.ITC, Matching: st.ITM, Generation: st.ITG, Smoothing: st.Smoothing,
		RandomNegatives: t.state.Step < st.RandomNegatives, MatchingPairs: st.MatchingPairs,
	})
	for name, loss := range map[string]*tensor.Tensor{"itc": first.ITC, "itm": first.ITM, "itg": first.ITG} {
		if loss != nil {
			out[name] = float64(loss.Data()[0])
		}
	}
	if first.MatchLogits != nil {
		out["itm_accuracy"] = accuracy(first.MatchLogits)
	}
	return first
}

// pairs are a batch as the first stage learns from it.
func (l *bridgeLearner) pairs(b batch) blip2.Pairs {
	t := l.t
	pairs := blip2.Pairs{View: t.model.Features(t.run, b.raw), Same: b.same(), Rand: rng(b.seed, "negatives")}
	var rows [][]int32
	var texts []string
	for _, c := range b.lessons {
		rows = append(rows, t.labels.words(t.model, c.text, t.recipe.Data.MaxTokens))
		texts = append(texts, c.text)
	}
	pairs.Text = blip2.PadTexts(rows, max(0, t.model.Words.Special().Pad))
	pairs.Reading = t.model.Readings(t.run, texts)
	if l.bank != nil {
		pairs.Bank, pairs.Captions, pairs.Fits = &l.bank.Bank, b.labels, b.fits
	}
	return pairs
}

// same numbers a batch's pairs: those of one caption, or of one picture, are not each other's negatives.
func (b *batch) same() []int32 {
	same := make([]int32, len(b.labels))
	for i := range same {
		same[i] = int32(i)
	}
	for i := range same {
		for j := range i {
			if b.labels[i] != b.labels[j] && b.pictures[i] != b.pictures[j] || same[i] == same[j] {
				continue
			}
			from, to := max(same[i], same[j]), min(same[i], same[j])
			for k := range same {
				if same[k] == from {
					same[k] = to
				}
			}
		}
	}
	return same
}

// say is the language model's loss, weighed: behind what the first stage's queries have found, or their own.
func (l *bridgeLearner) say(b batch, first *blip2.Stage1Losses, out map[string]float64) *tensor.Tensor {
	t := l.t
	lessons := l.asked(b)
	prompts := make([]string, len(lessons))
	for i, s := range lessons {
		prompts[i] = *s.prompt
	}
	var answer *qformer.Answer
	var view blip2.View
	if first != nil && !t.model.Config.Instruct {
		answer, view = first.Answer, first.View
	} else {
		seen := t.model.SeeFeatures(t.run, b.raw, prompts...)
		answer, view = seen.Answer, seen.View
	}
	ids, texts := make([][]int32, len(prompts)), make([][]int32, len(prompts))
	most := max(2, min(t.recipe.Data.MaxTokens, t.model.PromptRoom(1)))
	for i, p := range prompts {
		texts[i] = t.model.AnswerIDs(p, lessons[i].text, most)
		ids[i] = t.model.CutPrompt(t.model.PromptIDs(p), t.recipe.Data.MaxPrompt, len(texts[i]))
	}
	lm := t.model.Stage2(t.run, answer, view, ids, texts)
	out["lm"] = float64(lm.Data()[0])
	if l.stage.LM != 1 {
		lm = t.run.Scale(lm, l.stage.LM)
	}
	return lm
}

// accuracy is how often matching was right: the first third of the pairs match.
func accuracy(logits *tensor.Tensor) float64 {
	x, right := logits.Data(), 0
	n := len(x) / 2
	for i := range n {
		if (x[2*i+1] > x[2*i]) == (i < n/3) {
			right++
		}
	}
	return float64(right) / float64(n)
}

// validate implements learner.
func (l *bridgeLearner) validate() (map[string]float64, error) {
	t := l.t
	return l.held.means(l.stage.Batch, func(from, to int, raw []float32) (map[string]float64, error) {
		b := batch{raw: raw, seed: mix(t.recipe.Seed, "validation", uint64(from))}
		for i := from; i < to; i++ {
			b.add(notTrained, &t.held[i], t.held[i].plain(t.model))
		}
		parts, _ := l.compute(b)
		return parts, nil
	})
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
