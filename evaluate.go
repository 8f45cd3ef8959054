package dragoman

import (
	"context"
	"fmt"

	"dragoman/eval"
)

// Evaluate measures the model on pictures with captions; see package eval.
func (m *Model) Evaluate(ctx context.Context, items []eval.Item, o eval.Options) (eval.Report, error) {
	if m.system.Vision == nil || m.system.Bridge == nil {
		return eval.Report{}, fmt.Errorf("evaluating: %w: an image encoder and a bridge", ErrNoPart)
	}
	o.Compute = m.compute
	return eval.Evaluate(ctx, m.system, items, o)
}
