package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"dragoman/data"
	"dragoman/eval"
	"dragoman/generate"
	"dragoman/internal/atomicfile"
	"dragoman/picture"
)

// finish writes the result, looks whether the frozen parts are as they were, measures, and leaves nothing else behind.
func (t *trainer) finish(ctx context.Context) error {
	if now := t.model.FrozenHash(); now != t.frozen {
		return fmt.Errorf("the frozen parts' bytes changed: %s before, %s after", t.frozen, now)
	}
	if err := t.rememberPictures(); err != nil {
		return err
	}
	if err := t.report(ctx); err != nil {
		return err
	}
	if err := t.keepBest(); err != nil {
		return err
	}
	// The model is what says that a run is finished, so it comes last.
	if err := t.out.writeDir("model", t.model.Save); err != nil {
		return err
	}
	return t.out.tidy()
}

// keepBest leaves the last stage's best checkpoint as best.
func (t *trainer) keepBest() error {
	name := t.bestName()
	if name == "" {
		return nil
	}
	if _, err := os.Stat(t.out.at(name)); err != nil {
		return nil // a run that was killed here has moved it already
	}
	return errors.Join(os.RemoveAll(t.out.at("best")), os.Rename(t.out.at(name), t.out.at("best")))
}

// report measures the result on each set of the recipe's report.
func (t *trainer) report(ctx context.Context) error {
	var reports []eval.Report
	for _, held := range t.recipe.Report {
		set, err := openPairs(t.recipe.dir, held.Data, DataSpec{MaxPixels: t.recipe.Data.MaxPixels})
		if err != nil {
			return err
		}
		defer set.close()
		labels := t.labels.texts
		if held.OwnLabels {
			labels = nil
		}
		r, err := eval.Evaluate(ctx, t.model, itemsOf(set.pairs, t.recipe.Data.Clean), eval.Options{
			Name: held.Name, Labels: labels, Rerank: held.Rerank, MaxTokens: cmp.Or(held.MaxTokens, t.recipe.Data.MaxTokens), Compute: t.compute,
			Generate: generate.Options{Beams: held.Beams, MinTokens: held.MinTokens, LengthPenalty: held.LengthPenalty},
			Progress: func(done, all int) {
				t.opt.Progress(Progress{Doing: "measuring on " + held.Name, Done: done, All: all})
			},
		})
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	if len(reports) == 0 {
		return nil
	}
	if err := atomicfile.WriteBytes(t.out.at("report.md"), []byte(eval.Markdown(reports))); err != nil {
		return err
	}
	return writeJSON(t.out.at("report.json"), reports)
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
			Decode:   func() (*picture.RGBA, error) { return p.decode() },
			Question: question, References: p.texts, Weights: p.weights, Keywords: p.tags,
		})
	}
	return items
}
