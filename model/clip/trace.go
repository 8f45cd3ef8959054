package clip

import (
	"errors"
	"fmt"
	"slices"

	"dragoman/internal/hint"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// Trace runs a pass over pixel_values, input_ids and attention_mask, and returns its outputs, float32, named by module path as in
// transformers. The loss is the contrastive one, of pictures and texts that belong together in order; there is one where there are as many
// of both.
func (m *Model) Trace(opt tensor.Options, t model.Trace) ([]weights.Tensor, error) {
	return t.Run(opt, nil, m.params, "as many pictures as texts", func(run *tensor.Run, seen *model.Recorder) (*tensor.Tensor, error) {
		return m.trace(run, seen, t.Inputs)
	})
}

// trace is the forward pass; the loss is nil where there is none.
func (m *Model) trace(r *tensor.Run, seen *model.Recorder, in weights.Source) (*tensor.Tensor, error) {
	pixels, err := m.pixels(in)
	if err != nil {
		return nil, err
	}
	batch, err := m.batch(in)
	if err != nil {
		return nil, err
	}
	var images, texts *tensor.Tensor
	if pixels != nil {
		seen.Keep("pixel_values", pixels)
		images = m.embeds(r, m.Pictures(r, pixels))
		seen.Keep("image_embeds", images)
	}
	if batch != nil {
		texts = m.embeds(r, m.Texts(r, *batch))
		seen.Keep("text_embeds", texts)
	}
	if images == nil && texts == nil {
		return nil, errors.New("there is neither pixel_values nor input_ids")
	}
	if images == nil || texts == nil {
		return nil, nil
	}
	perText := r.ScaleBy(r.MatMul(texts, images, true), m.Scale(r))
	perImage := r.Transpose(perText, 0, 1)
	seen.Keep("logits_per_text", perText)
	seen.Keep("logits_per_image", perImage)
	n := images.Dim(0)
	if texts.Dim(0) != n {
		return nil, nil
	}
	own := make([]int32, n)
	for i := range own {
		own[i] = int32(i)
	}
	loss := r.Scale(r.Add(r.CrossEntropy(perText, own, 0), r.CrossEntropy(perImage, own, 0)), 0.5)
	seen.Keep("loss", loss)
	return loss, nil
}

// embeds is what transformers calls a side's embeddings: of length 1 in a whole model, and as they are projected in half of one.
func (m *Model) embeds(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	if m.Vision == nil || m.Text == nil {
		return x
	}
	return r.Normalize(x)
}

// pixels reads the pictures; nil where there are none.
func (m *Model) pixels(in weights.Source) (*tensor.Tensor, error) {
	const name = "pixel_values"
	w, ok := in.Lookup(name)
	if !ok {
		return nil, nil
	}
	if m.Vision == nil {
		return nil, fmt.Errorf("%s: the model has no image encoder", name)
	}
	size := m.Config.Vision.ImageSize
	if s := w.Shape; len(s) != 4 || s[0] < 1 || !slices.Equal(s[1:], []int{3, size, size}) {
		return nil, fmt.Errorf("%s: %v, the encoder reads [pictures 3 %d %d]", name, w.Shape, size, size)
	}
	x, err := w.Float32()
	if err != nil {
		return nil, err
	}
	return tensor.FromFloats(x, w.Shape...), nil
}

// batch reads the texts; nil where there are none.
func (m *Model) batch(in weights.Source) (*Batch, error) {
	ids, rows, err := model.Ints(in, "input_ids")
	if err != nil || ids == nil {
		return nil, err
	}
	if m.Text == nil {
		return nil, errors.New("input_ids: the model has no text encoder")
	}
	b := &Batch{IDs: ids, Rows: rows}
	mask, _, err := model.Ints(in, "attention_mask")
	if err != nil {
		return nil, err
	}
	if mask != nil && len(mask) != len(ids) {
		return nil, fmt.Errorf("attention_mask: %d values for %d tokens", len(mask), len(ids))
	}
	for _, v := range mask {
		b.Mask = append(b.Mask, uint8(min(1, max(0, v))))
	}
	if err := m.Text.check(*b); err != nil {
		return nil, hint.Wrap(fmt.Errorf("input_ids: %w", err), "texts are cut to %d tokens, the end among them", m.Text.Config.Positions)
	}
	return b, nil
}
