package train

import (
	"context"
	"errors"
	"fmt"
	"os"

	"dragoman/data"
	"dragoman/eval"
	"dragoman/internal/atomicfile"
)

// finish writes the result, looks whether the frozen parts are as they were, measures, and leaves nothing else behind.
func (t *trainer) finish(ctx context.Context) error {
	if now := t.system.FrozenHash(); now != t.frozen {
		return fmt.Errorf("the frozen parts' bytes changed: %s before, %s after", t.frozen, now)
	}
	if err := t.subject.complete(); err != nil {
		return err
	}
	if err := t.report(ctx); err != nil {
		return err
	}
	if err := t.keepBest(); err != nil {
		return err
	}
	// The model is what says that a run is finished, so it comes last.
	if err := t.out.writeDir("model", t.system.Save); err != nil {
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

// openHeld opens a set of the recipe's report.
func (t *trainer) openHeld(held Held) (*pairSet, error) {
	return openPairs(t.recipe.dir, held.Data, DataSpec{MaxPixels: t.recipe.Data.MaxPixels})
}

// concepts are what the pictures of a set show, by a field of its rows; "" where a row has none.
func (s *pairSet) concepts(name string) ([]string, error) {
	field, concepts := data.Field{Name: name}, make([]string, len(s.pairs))
	for i, p := range s.pairs {
		row, err := p.set.Row(p.row)
		if err != nil {
			return nil, err
		}
		concepts[i], _ = field.Of(row)
	}
	if err := field.Unknown(); err != nil {
		return nil, fmt.Errorf("concept: %w", err)
	}
	return concepts, nil
}

// report measures the result on each set of the recipe's report.
func (t *trainer) report(ctx context.Context) error {
	var reports []eval.Report
	for _, held := range t.recipe.Report {
		r, err := t.subject.measure(ctx, held)
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
