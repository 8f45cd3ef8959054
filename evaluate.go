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

// unreadable is the error of a set of which no picture can be shown to an encoder: why the first cannot.
func unreadable(name string, left []eval.Left) error {
	if len(left) == 0 {
		return fmt.Errorf("evaluating: %s: there are no items", name)
	}
	return fmt.Errorf("evaluating: %s: none of %s can be read, the first: %s: %w", name, plural.Of(len(left), "picture"), left[0].Name, left[0].Err)
}
