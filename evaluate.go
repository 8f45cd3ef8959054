package dragoman

import (
	"context"
	"fmt"

	"dragoman/eval"
	"dragoman/internal/plural"
)

// Evaluate measures the model on pictures with captions; see package eval.
func (m *Model) Evaluate(ctx context.Context, items []eval.Item, o eval.Options) (eval.Report, error) {
	if m.system.Vision == nil || m.system.Bridge == nil {
		return eval.Report{}, fmt.Errorf("evaluating: %w: an image encoder and a bridge", ErrNoPart)
	}
	done, err := m.use()
	if err != nil {
		return eval.Report{}, fmt.Errorf("evaluating: %w", err)
	}
	defer done()
	o.Compute = m.compute
	r, err := eval.Evaluate(ctx, m.system, items, o)
	switch {
	case err != nil:
		return r, err
	case r.N == 0:
		return r, unreadable(o.Name, r.Left)
	case r.Captions == nil && r.Answers == nil && r.Text == nil:
		return r, fmt.Errorf("evaluating: %s: there is nothing to measure: no text is written, and nothing is retrieved", o.Name)
	}
	return r, nil
}

// EvaluateFewShot measures a model that was trained here on pages, behind examples that are other pictures of the set; see eval.FewShot.
func (m *Model) EvaluateFewShot(ctx context.Context, items []eval.Item, o eval.FewShotOptions) (eval.FewShotReport, error) {
	const what = "evaluating behind examples of the set"
	switch {
	case m.pages == nil:
		return eval.FewShotReport{}, m.noPages(what)
	case !m.pages.Own():
		return eval.FewShotReport{}, fmt.Errorf("%s: only for models that were trained here", what)
	}
	done, err := m.use()
	if err != nil {
		return eval.FewShotReport{}, fmt.Errorf("%s: %w", what, err)
	}
	defer done()
	o.Compute = m.compute
	r, err := eval.FewShot(ctx, m.pages, items, o)
	if err == nil && r.N == 0 {
		err = unreadable(o.Name, r.Left)
	}
	return r, err
}

// unreadable is the error of a set of which no picture can be shown to an encoder: why the first cannot.
func unreadable(name string, left []eval.Left) error {
	if len(left) == 0 {
		return fmt.Errorf("evaluating: %s: there are no items", name)
	}
	return fmt.Errorf("evaluating: %s: none of %s can be read, the first: %s: %w", name, plural.Of(len(left), "picture"), left[0].Name, left[0].Err)
}
