package flamingo

import (
	"dragoman/language"
	"dragoman/tensor"
)

// Look encodes pictures [rows·pictures, 3, H, W] to what the text looks at: [rows, pictures, latents, width]; nil without pictures.
func (m *Model) Look(run *tensor.Run, pixels *tensor.Tensor, rows int) *tensor.Tensor {
	if pixels == nil || pixels.Dim(0) == 0 {
		return nil
	}
	features := m.Vision.Encode(run, pixels).Tokens
	if m.Resampler != nil {
		features = m.Resampler.Forward(run, features)
	}
	return run.Reshape(features, rows, pixels.Dim(0)/rows, features.Dim(1), features.Dim(2))
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
	if err := language.CheckIDs(ids, m.Language.Config().Vocab); err != nil {
		return err
	}
	sight := m.Gates.See(d.Run(), media, 1, true)
	sight.Show(m.dialect.seen(ids, pictures), len(ids))
	d.Hook, d.Moved = sight.Hook, sight.Select
	return d.Prefill(m.Language.Embed(d.Run(), ids, 1, len(ids)), nil)
}
