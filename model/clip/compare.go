package clip

import (
	"errors"
	"slices"

	"dragoman/kernel"
	"dragoman/tensor"
)

// Pictures places pictures in the shared space: pixels [B, 3, S, S] to [B, Config.Width], not yet of length 1.
func (m *Model) Pictures(r *tensor.Run, pixels *tensor.Tensor) *tensor.Tensor {
	pooled := m.Vision.Encode(r, pixels).Pooled
	r.Observe("vision_model.pooler_output", pooled)
	x := r.Linear(pooled, m.visual, nil, kernel.NoAct)
	r.Observe("visual_projection", x)
	return x
}

// Texts places texts there: [b.Rows, Config.Width], not yet of length 1.
func (m *Model) Texts(r *tensor.Run, b Batch) *tensor.Tensor {
	x := r.Linear(m.Text.Encode(r, b), m.textual, nil, kernel.NoAct)
	r.Observe("text_projection", x)
	return x
}

// ErrNoTokenizer is what text meets in a directory that has none.
var ErrNoTokenizer = errors.New("the directory has no tokenizer")

// Encode writes a text as ids; what is too long is cut before its end token.
func (m *Model) Encode(text string) ([]int32, error) {
	if m.Tokenizer == nil {
		return nil, ErrNoTokenizer
	}
	ids := m.Tokenizer.Encode(text, true)
	if most := m.Text.Config.Positions; len(ids) > most {
		last := ids[len(ids)-1]
		ids = append(slices.Clone(ids[:most-1]), last)
	}
	return ids, m.Text.check(Batch{IDs: ids, Rows: 1})
}

// EmbedPictures is Pictures as rows of length 1.
func (m *Model) EmbedPictures(r *tensor.Run, pixels *tensor.Tensor) *tensor.Tensor {
	return r.Normalize(m.Pictures(r, pixels))
}

// EmbedText is the place of one text, a row of length 1.
func (m *Model) EmbedText(r *tensor.Run, text string) (*tensor.Tensor, error) {
	ids, err := m.Encode(text)
	if err != nil {
		return nil, err
	}
	return r.Normalize(m.Texts(r, Batch{IDs: ids, Rows: 1})), nil
}

// Scale is what cosines are multiplied with before a softmax: the exponential of logit_scale.
func (m *Model) Scale(r *tensor.Run) *tensor.Tensor { return r.Exp(m.scale) }
