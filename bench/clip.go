package bench

import (
	"context"
	"errors"

	"dragoman/kernel"
	"dragoman/model/clip"
)

func init() {
	Register(Part{Name: "text", Run: clipText, Opens: func(*Runner) error { return errNoCLIP }})
}

// errNoCLIP is of everything but a CLIP: the other systems' texts are their language models'.
var errNoCLIP = errors.New("only a CLIP has a text encoder to measure: --model names one")

// clipText measures a CLIP's text encoder on one text of all its positions.
func clipText(ctx context.Context, r *Runner) error {
	if !r.loads { // of a shape
		return errNoCLIP
	}
	for _, d := range r.types(kernel.BF16, kernel.Q8_0) {
		m, err := r.load(&d)
		if err != nil {
			return err
		}
		c, run := m.clip.Text.Config, r.newRun(d)
		ids := prompt(c.Positions, c.Vocab)
		n, w := float64(c.Positions), float64(c.HiddenSize)
		layer := 2*n*w*(4*w+2*float64(c.IntermediateSize)) + 2*n*(n+1)*w // a token sees those before it and itself
		rec := Record{
			Part: "text", What: r.what(), Bound: "compute", Shape: []int{c.Positions, c.HiddenSize},
			Flops: float64(c.Layers)*layer + 2*w*float64(m.clip.Config.Width),
		}
		if err := r.measureItems(ctx, rec, d, 1, samples, func() error {
			run.Reset()
			m.clip.Texts(run, clip.Batch{IDs: ids, Rows: 1})
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
