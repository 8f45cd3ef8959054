package dragoman

import (
	"context"
	"fmt"
	"image"

	"dragoman/eval"
	"dragoman/tensor"
)

// Forgetting measures what a model's language model has forgotten of a text behind its bridge: see eval.Forgetting. What looks at pictures
// sees img; without any, a grey one.
func (m *Model) Forgetting(ctx context.Context, text string, img *Image, w eval.Windows, progress func(done, all int)) (eval.Forgetting, error) {
	const what = "measuring perplexity"
	if m.system.Language == nil {
		return eval.Forgetting{}, fmt.Errorf("%s: %w: a language model", what, ErrNoPart)
	}
	done, err := m.use()
	if err != nil {
		return eval.Forgetting{}, fmt.Errorf("%s: %w", what, err)
	}
	defer done()
	var f eval.Forgetting
	if m.pages == nil {
		f, err = eval.PlainPerplexity(ctx, m.system.Language, m.compute, m.system.Tokenizer.Encode(text, true), w, progress)
		f.Note = "there is no bridge: the language model is alone"
		if m.system.Bridge != nil {
			f.Note = "the bridge hands the language model words and changes nothing in it: without a picture it is the plain model, whatever the bridge learnt"
		}
	} else {
		if img == nil {
			even := image.NewGray(image.Rect(0, 0, 32, 32))
			for i := range even.Pix {
				even.Pix[i] = 128
			}
			grey := ImageOf(even)
			img = &grey
		}
		pixels, perr := m.pixels(ctx, m.pages.Processor(), *img)
		if perr != nil {
			return eval.Forgetting{}, perr
		}
		look := func(run *tensor.Run) *tensor.Tensor { return m.pages.Look(run, pixels, 1) }
		f, err = eval.Forget(ctx, m.pages, m.compute, text, look, w, progress)
	}
	if err != nil {
		return eval.Forgetting{}, fmt.Errorf("%s: %w", what, err)
	}
	return f, nil
}
