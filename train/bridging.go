package train

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"

	"dragoman/data"
	"dragoman/eval"
	"dragoman/generate"
	"dragoman/model/blip2"
	"dragoman/picture"
	"dragoman/tensor"
)

// bridging trains a BLIP-2's bridge on pairs.
type bridging struct {
	*trainer
	model  *blip2.Model
	labels *labels
	kinds  kinds
	read   bool // whether the model keeps what the language model makes of the captions
}

func (t *bridging) open() (system, error) {
	var err error
	if t.kinds, err = t.recipe.kinds(); err != nil {
		return nil, err
	}
	if t.model, err = makeModel(t.recipe, t.corpus(), len(t.train.pairs)); err != nil {
		return nil, err
	}
	if err := startFrom(t.model, t.recipe); err != nil {
		t.model.Close()
		return nil, err
	}
	if n := t.model.Vision.Shape().Classes; t.kinds.classes != nil && len(t.kinds.classes) != n {
		t.model.Close()
		return nil, fmt.Errorf("model.class_names: %d classes, the encoder tells %d apart", len(t.kinds.classes), n)
	}
	if t.kinds.classes == nil {
		t.kinds = kindsOf(t.model.Memory)
	}
	t.ownPrompts()
	t.ownMatching()
	t.labels = newLabels(t.train.pairs, t.held)
	return t.model, nil
}

// ownMatching has the model remember whether anything teaches its matching head, so that it does not answer with one as it was drawn.
func (t *bridging) ownMatching() {
	x, r := &t.model.Config.Extras, t.recipe
	taught := slices.ContainsFunc(r.Stages, func(s Stage) bool { return s.ITM != 0 }) || slices.ContainsFunc(r.Model.Start.Tensors, func(glob string) bool {
		ok, err := path.Match(glob, "itm_head.weight")
		return ok && err == nil
	})
	switch {
	case taught:
		x.NoMatching = false
	case r.Model.From == "":
		x.NoMatching = t.model.Bridge.Heads.Match != nil
	}
}

func (t *bridging) restored(s state) {
	if s.Matching != nil {
		t.model.Config.Extras.Matching = s.Matching
	}
}

// corpus is every text that the model will have to read or write.
func (t *bridging) corpus() []string {
	var texts []string
	for _, list := range [][]pair{t.train.pairs, t.held} {
		for i := range list {
			texts = append(append(texts, list[i].texts...), list[i].tags...)
		}
	}
	return texts
}

func (t *bridging) captions() int { return len(t.labels.texts) }

func (t *bridging) params(st *Stage) []*tensor.Tensor { return t.model.StageParams(st.learns()) }

func (t *bridging) complete() error { return t.rememberPictures() }

func (t *bridging) measure(ctx context.Context, held Held) (eval.Report, error) {
	set, err := t.openHeld(held)
	if err != nil {
		return eval.Report{}, err
	}
	defer set.close()
	labels := t.labels.texts
	if held.OwnLabels {
		labels = nil
	}
	return eval.Evaluate(ctx, t.model, itemsOf(set.pairs, t.recipe.Data.Clean), eval.Options{
		Name: held.Name, Labels: labels, Rerank: held.Rerank, MaxTokens: cmp.Or(held.MaxTokens, t.recipe.Data.MaxTokens), Compute: t.compute,
		Generate: generate.Options{Beams: held.Beams, MinTokens: held.MinTokens, LengthPenalty: held.LengthPenalty},
		Progress: func(done, all int) {
			t.opt.Progress(Progress{Doing: "measuring on " + held.Name, Done: done, All: all})
		},
	})
}

// itemsOf are pairs as package eval wants them, with questions as they were trained on.
func itemsOf(pairs []pair, clean string) []eval.Item {
	var items []eval.Item
	for i := range pairs {
		p := &pairs[i]
		question := p.question
		if clean == cleanLAVIS {
			question = data.CleanQuestion(question)
		}
		items = append(items, eval.Item{
			Picture:  strconv.Itoa(p.picture),
			Decode:   func() (*picture.RGBA, error) { return p.decode() },
			Question: question, References: p.texts, Weights: p.weights, Keywords: p.tags,
		})
	}
	return items
}
