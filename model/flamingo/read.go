package flamingo

import (
	"context"
	"math"
	"slices"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
	"dragoman/vision"
)

// Frames is how many frames of a video the resampler learnt to tell apart; 0: it looks at pictures alone.
func (m *Model) Frames() int {
	if m.Resampler == nil {
		return 0
	}
	return m.Resampler.Config.Frames
}

// Look encodes pictures [rows·pictures, 3, H, W], or videos [rows·pictures, frames, 3, H, W], to what the text looks at:
// [rows, pictures, latents, width]; nil without pictures.
func (m *Model) Look(run *tensor.Run, pixels *tensor.Tensor, rows int) *tensor.Tensor {
	if pixels == nil || pixels.Dim(0) == 0 {
		return nil
	}
	pictures := pixels.Dim(0)
	if s := pixels.Shape(); len(s) == 5 {
		pixels = run.Reshape(pixels, s[0]*s[1], s[2], s[3], s[4])
	}
	features := m.resampled(run, m.Vision.Encode(run, pixels), pictures)
	return run.Reshape(features, rows, pictures/rows, features.Dim(1), features.Dim(2))
}

// resampled is what the text looks at of the features of so many pictures, each of one frame or more.
func (m *Model) resampled(run *tensor.Run, f vision.Features, pictures int) *tensor.Tensor {
	x := f.Tokens
	switch {
	case m.own != nil && len(m.own.groups) == 1 && m.own.groups[0].kind == kindTokens: // as they are, by which the encoder has gradients
		return m.media(run, []*tensor.Tensor{x})
	case m.own != nil:
		raw := make([]float32, pictures*m.FeatureLen())
		m.gather(run, f, raw)
		return m.Media(run, raw)
	case m.Resampler == nil:
		return x
	}
	return m.Resampler.Forward(run, run.Reshape(x, pictures, x.Dim(0)/pictures, x.Dim(1), x.Dim(2)))
}

// Glance looks at one picture [1, 3, H, W], or at a video's frames [frames, 3, H, W]: what the text looks at, [latents, width], and the
// picture as a whole, a vector by whose direction pictures can be compared: what the encoder itself pools (CLIP: its class token, normed, and
// projected where the projection is there; of rectified activations the roots, whose cosine is the overlap of two distributions and does not
// hang on the few channels that are loudest), or the mean of its patches; and over frames the mean.
func (m *Model) Glance(run *tensor.Run, pixels *tensor.Tensor) (media, whole *tensor.Tensor) {
	f, s := m.Vision.Encode(run, pixels), m.Vision.Shape()
	switch whole = f.Pooled; {
	case whole == nil:
		whole = run.MeanAxis(run.Slice(f.Tokens, 1, s.First, f.Tokens.Dim(1)), 1)
	case m.compare != nil:
		whole = run.Linear(whole, m.compare, nil, kernel.NoAct)
	case s.Rectified:
		whole = roots(whole)
	}
	if pixels.Dim(0) > 1 {
		whole = run.MeanAxis(whole, 0)
	}
	media = m.resampled(run, f, 1)
	return run.Reshape(media, media.Dim(1), media.Dim(2)), run.Reshape(whole, whole.Len())
}

// roots are the square roots of what is never negative.
func roots(x *tensor.Tensor) *tensor.Tensor {
	y := make([]float32, x.Len())
	for i, v := range x.Data() {
		y[i] = float32(math.Sqrt(max(0, float64(v))))
	}
	return tensor.FromFloats(y, x.Shape()...)
}

// Read lets a decoder read a text that looks at media [1, pictures, latents, width], which is in the memory of the decoder's run; what it
// writes then looks at the last picture.
func (m *Model) Read(d *language.Decoder, ids []int32, media *tensor.Tensor) error {
	pictures := 0
	if media != nil {
		pictures = media.Dim(1)
	}
	if err := m.check(ids, pictures); err != nil {
		return err
	}
	return m.ReadOn(context.Background(), d, ids, 0, media)
}

// Pictures is how many pictures stand in a text.
func (m *Model) Pictures(ids []int32) (n int) {
	for _, id := range ids {
		if id == m.dialect.image() {
			n++
		}
	}
	return n
}

// ReadOn is Read for a decoder that has read the first tokens of a text, up to from. Media [rows, pictures, latents, width] are those of the
// text's last pictures that the other tokens see: those behind from and the one before it. Each row of them is a text of its own from there on,
// and what the decoder reads of it does not hang on the others. A context that ends, ends it between two of them.
func (m *Model) ReadOn(ctx context.Context, d *language.Decoder, ids []int32, from int, media *tensor.Tensor) error {
	if err := language.CheckIDs(ids, m.Language.Config().Vocab); err != nil {
		return err
	}
	rows, pictures, shown, length := 1, m.Pictures(ids), 0, len(ids)-from
	if media != nil {
		rows, shown = media.Dim(0), media.Dim(1)
	}
	seen := m.dialect.seen(ids, pictures)
	mask := make([]uint8, 0, length*shown)
	for i := from; i < len(ids); i++ {
		mask = append(mask, seen[(i+1)*pictures-shown:(i+1)*pictures]...)
	}
	sight := m.Gates.See(d.Run(), media, rows, true)
	err := d.Each(ctx, rows, func(row int) error {
		one := sight.Row(row)
		one.Show(mask, length)
		d.Hook = one.Hook
		return d.Prefill(m.Language.Embed(d.Run(), ids[from:], 1, length), nil)
	})
	sight.Show(slices.Repeat(mask[(length-1)*shown:], rows), 1)
	d.Hook, d.Moved, d.Onward = sight.Hook, sight.Select, sight.Onward
	return err
}
