package train

import (
	"math"

	"dragoman/model/blip2"
	"dragoman/tensor"
)

// learner computes a stage's losses of batches.
type learner struct {
	t       *trainer
	stage   *Stage
	sampler *sampler
	warm    *warmer
	bank    *bank
	prompt  []int32
	plain   []float32 // the held-out pairs' features, made at the first validation
}

func (t *trainer) newLearner(st *Stage) (*learner, error) {
	l := &learner{t: t, stage: st, sampler: newSampler(t.train.pairs, mix(t.recipe.Seed, "order", uint64(t.state.Stage)))}
	if st.LM != 0 {
		l.prompt = t.model.PromptIDs(t.model.Config.Extras.Prompt)
		if err := t.remember(); err != nil {
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

// batch is what a step learns from.
type batch struct {
	raw      []float32 // as the model's Encode gives it
	captions []string
	labels   []int32 // which of all captions each is
	seed     uint64
}

// losses computes batch k's: each by name, and their weighed sum, to go back from.
func (l *learner) losses(k uint64) (map[string]float64, *tensor.Tensor, error) {
	t, n := l.t, l.stage.Batch
	reqs := make([]request, n)
	b := batch{seed: mix(t.recipe.Seed, "batch", uint64(t.state.Stage), k)}
	pick := rng(b.seed, "caption")
	for i := range n {
		index, epoch := l.sampler.at(k*uint64(n) + uint64(i))
		p := &t.train.pairs[index]
		reqs[i] = request{pair: p, index: index, view: epoch}
		b.captions = append(b.captions, p.texts[pick.IntN(len(p.texts))])
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

// compute is the forward pass.
func (l *learner) compute(b batch) (map[string]float64, *tensor.Tensor) {
	t, st := l.t, l.stage
	for _, c := range b.captions {
		b.labels = append(b.labels, t.labels.of(c))
	}
	if l.warm != nil {
		total := l.warm.loss(t.run, b)
		return map[string]float64{"loss": float64(total.Data()[0])}, total
	}
	view := t.model.Features(t.run, b.raw)
	pairs := blip2.Pairs{View: view, Same: b.labels, Rand: rng(b.seed, "negatives")}
	var rows [][]int32
	for _, c := range b.captions {
		rows = append(rows, t.labels.words(t.model, c, t.recipe.Data.MaxTokens))
	}
	if t.model.Words != nil {
		pairs.Text = blip2.PadTexts(rows, max(0, t.model.Words.Special().Pad))
	}
	if l.bank != nil {
		pairs.Bank = &l.bank.Bank
	}
	first := t.model.Bridge.Stage1(t.run, pairs, blip2.Objective{
		Contrast: st.ITC, Matching: st.ITM, Generation: st.ITG, Smoothing: st.Smoothing,
		RandomNegatives: t.state.Step < st.RandomNegatives, MatchingPairs: st.MatchingPairs,
	})
	out := map[string]float64{}
	for name, loss := range map[string]*tensor.Tensor{"itc": first.ITC, "itm": first.ITM, "itg": first.ITG} {
		if loss != nil {
			out[name] = float64(loss.Data()[0])
		}
	}
	if first.MatchLogits != nil {
		out["itm_accuracy"] = accuracy(first.MatchLogits)
	}
	total := first.Total
	if st.LM != 0 {
		var ids [][]int32
		for _, c := range b.captions {
			ids = append(ids, t.model.CaptionIDs(c, t.recipe.Data.MaxTokens))
		}
		lm := t.model.Stage2(t.run, first.Answer, view.Picture, l.prompts(b), ids)
		out["lm"] = float64(lm.Data()[0])
		if st.LM != 1 {
			lm = t.run.Scale(lm, st.LM)
		}
		if total == nil {
			total = lm
		} else {
			total = t.run.Add(total, lm)
		}
	}
	out["loss"] = float64(total.Data()[0])
	return out, total
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

// validate is the mean of the losses over the held-out pairs, as they are, without dropout.
func (l *learner) validate() (map[string]float64, error) {
	t := l.t
	if l.plain == nil {
		reqs := make([]request, len(t.held))
		for i := range reqs {
			reqs[i] = request{pair: &t.held[i], index: i, plain: true}
		}
		var err error
		if l.plain, err = t.views.features(reqs); err != nil {
			return nil, err
		}
	}
	run := t.run
	t.run = tensor.NewRun(tensor.Options{Compute: t.compute})
	defer func() { t.run = run }()
	sums, count := map[string]float64{}, 0
	width := t.model.FeatureLen()
	for from := 0; from < len(t.held); from += l.stage.Batch {
		to := min(from+l.stage.Batch, len(t.held))
		b := batch{raw: l.plain[from*width : to*width], seed: mix(t.recipe.Seed, "validation", uint64(from))}
		for i := from; i < to; i++ {
			b.captions = append(b.captions, t.held[i].texts[0])
		}
		t.run.Reset()
		parts, _ := l.compute(b)
		for name, v := range parts {
			sums[name] += v * float64(to-from)
		}
		count += to - from
	}
	return means(sums, count), nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
