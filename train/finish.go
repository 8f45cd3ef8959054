package train

import (
	"context"
	"fmt"
	"os"
)

// finish writes the result, looks whether the frozen parts are as they were, and leaves nothing else behind.
func (t *trainer) finish(ctx context.Context) error {
	if now := t.model.FrozenHash(); now != t.frozen {
		return fmt.Errorf("the frozen parts' bytes changed: %s before, %s after", t.frozen, now)
	}
	if err := t.out.writeDir("model", t.model.Save); err != nil {
		return err
	}
	if err := t.report(ctx); err != nil {
		return err
	}
	return t.out.tidy()
}

func (t *trainer) report(context.Context) error { return nil }

var _ = os.Stat
