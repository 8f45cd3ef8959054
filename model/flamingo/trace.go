package flamingo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// Trace runs a pass over pixel_values [rows, pictures, 3, H, W], input_ids, attention_mask, image_attention_mask [rows, tokens, pictures]
// and labels, or OpenFlamingo's vision_x [rows, pictures, frames, 3, H, W] and lang_x, and returns its outputs, float32, named by module path
// as in the reference.
func (m *Model) Trace(opt tensor.Options, t model.Trace) ([]weights.Tensor, error) {
	d, wraps := m.dialect.(assembly)
	wanted := t.Select
	if wraps && wanted != nil {
		t.Select = func(name string) bool { return wanted(name) || wanted(d.wrapper(name)) }
	}
	out, err := t.Run(opt, m.dialect.outside, m.params, "labels among the inputs", func(run *tensor.Run, seen *model.Recorder) (*tensor.Tensor, error) {
		return m.trace(run, seen, t.Inputs)
	})
	if err != nil || !wraps {
		return out, err
	}
	_, idsName := m.dialect.inputs()
	_, rows, err := model.Ints(t.Inputs, idsName)
	return asAssembled(d, out, wanted, rows), err
}

// assembly is a dialect whose reference puts modules around a language model's: each layer is one with the gated block before it.
type assembly interface{ wrapper(path string) string }

// asAssembled are outputs as the reference has them: a layer's under both of its names, and what is inside of a resampler by rows and pictures.
func asAssembled(d assembly, out []weights.Tensor, wanted func(string) bool, rows int) []weights.Tensor {
	all := make([]weights.Tensor, 0, len(out))
	for _, w := range out {
		outer := d.wrapper(w.Name)
		if strings.HasPrefix(w.Name, "perceiver.") && !strings.HasSuffix(w.Name, ".attention_probs") {
			w.Shape = slices.Concat([]int{rows, w.Shape[0] / rows}, w.Shape[1:])
		}
		if outer == w.Name || wanted == nil || wanted(w.Name) {
			all = append(all, w)
		}
		if outer != w.Name && (wanted == nil || wanted(outer)) {
			w.Name = outer
			all = append(all, w)
		}
	}
	return all
}

// trace is the forward pass; the loss is nil without labels.
func (m *Model) trace(run *tensor.Run, seen *model.Recorder, in weights.Source) (*tensor.Tensor, error) {
	pixelsName, idsName := m.dialect.inputs()
	ids, rows, err := model.Ints(in, idsName)
	if err != nil {
		return nil, err
	}
	if ids == nil {
		return nil, fmt.Errorf("there is no %s", idsName)
	}
	length := len(ids) / rows
	c := m.Language.Config()
	if err := language.CheckIDs(ids, c.Vocab); err != nil {
		return nil, fmt.Errorf("%s: %w", idsName, err)
	}
	if c.Bounded && length > c.Context {
		return nil, fmt.Errorf("%s: %d tokens: %w of %d", idsName, length, language.ErrContext, c.Context)
	}
	mask, err := masked(in, len(ids))
	if err != nil {
		return nil, err
	}
	pixels, err := m.pixels(in, pixelsName, rows)
	if err != nil {
		return nil, err
	}
	media := m.Look(run, pixels, rows)
	pictures := 0
	if media != nil {
		seen.Keep("pixel_values", pixels)
		if name := m.dialect.media(); name != "" {
			seen.Keep(name, media)
		}
		pictures = media.Dim(1)
	}
	shown, err := m.shown(in, ids, rows, pictures)
	if err != nil {
		return nil, err
	}
	sight := m.Gates.See(run, media, rows, false)
	sight.Show(shown, length)
	hidden := m.Language.Forward(run, language.Input{Embeds: m.Language.Embed(run, ids, rows, length), Mask: mask, Hook: sight.Hook})
	logits := m.Language.Logits(run, hidden)
	seen.Keep("logits", logits)
	labels, labelRows, err := model.Ints(in, "labels")
	if err != nil || labels == nil {
		return nil, err
	}
	if labelRows != rows || len(labels) != len(ids) {
		return nil, fmt.Errorf("labels: %d in %d rows for %d tokens in %d", len(labels), labelRows, len(ids), rows)
	}
	if length < 2 {
		return nil, errors.New("labels: a loss needs two tokens or more")
	}
	var targets []int32
	for r := range rows {
		for _, id := range labels[r*length+1 : (r+1)*length] {
			if int(id) >= c.Vocab {
				return nil, fmt.Errorf("labels: %d is not among %d tokens", id, c.Vocab)
			}
			targets = append(targets, id)
		}
	}
	// Each token is predicted from the one before it.
	loss := run.CrossEntropy(run.Slice(logits, 1, 0, length-1), targets, 0)
	seen.Keep("loss", loss)
	return loss, nil
}

// masked reads attention_mask; nil where all are tokens.
func masked(in weights.Source, tokens int) ([]uint8, error) {
	x, _, err := model.Ints(in, "attention_mask")
	if err != nil || x == nil {
		return nil, err
	}
	if len(x) != tokens {
		return nil, fmt.Errorf("attention_mask: %d values for %d tokens", len(x), tokens)
	}
	return bits(x), nil
}

// bits is 1 for what is not 0.
func bits(x []int32) []uint8 {
	mask := make([]uint8, len(x))
	for i, v := range x {
		if v != 0 {
			mask[i] = 1
		}
	}
	return mask
}

// pixels reads the pictures of all rows, [rows·pictures, 3, H, W]; nil where there are none.
func (m *Model) pixels(in weights.Source, name string, rows int) (*tensor.Tensor, error) {
	w, ok := in.Lookup(name)
	if !ok {
		return nil, nil
	}
	size := m.processor.Size
	s := w.Shape
	frames := 1
	if len(s) == 6 { // OpenFlamingo's frames, of which those that it released read one
		frames = s[2]
		s = append(s[:2:2], s[3:]...)
		if frames < 1 || frames > 1 && m.Frames() == 0 {
			return nil, fmt.Errorf("%s: %v: %d frames, and the resampler has no vectors for frames", name, w.Shape, frames)
		}
	}
	if len(s) != 5 || s[0] != rows || s[1] < 1 || s[2] != 3 || s[3] != size[0] || s[4] != size[1] {
		return nil, fmt.Errorf("%s: %v, the encoder reads [%d rows, pictures, 3, %d, %d]", name, w.Shape, rows, size[0], size[1])
	}
	x, err := w.Float32()
	if err != nil {
		return nil, err
	}
	if frames > 1 {
		return tensor.FromFloats(x, rows*s[1], frames, 3, size[0], size[1]), nil
	}
	return tensor.FromFloats(x, rows*s[1], 3, size[0], size[1]), nil
}

// shown is which pictures each token sees: image_attention_mask, or what follows from the tokens.
func (m *Model) shown(in weights.Source, ids []int32, rows, pictures int) ([]uint8, error) {
	const name = "image_attention_mask"
	if w, ok := in.Lookup(name); ok && pictures > 0 {
		if w.Len() != len(ids)*pictures {
			return nil, fmt.Errorf("%s: %v for %d tokens and %d pictures", name, w.Shape, len(ids), pictures)
		}
		w.Shape = []int{len(ids), pictures}
		x, _, err := model.Ints(weights.NewMemory(w), name)
		return bits(x), err
	}
	if pictures > 0 && m.Tokenizer == nil {
		return nil, fmt.Errorf("%s: there is none, nor a tokenizer that says which tokens are pictures", name)
	}
	length := len(ids) / rows
	var mask []uint8
	for r := range rows {
		row := ids[r*length : (r+1)*length]
		if err := m.fits(row, pictures); err != nil {
			return nil, fmt.Errorf("row %d: %w", r, err)
		}
		mask = append(mask, m.dialect.seen(row, pictures)...)
	}
	return mask, nil
}

// fits refuses a row with more picture tokens than pictures; rows of a batch may have fewer.
func (m *Model) fits(ids []int32, pictures int) error {
	tokens := 0
	for _, id := range ids {
		if id == m.dialect.image() {
			tokens++
		}
	}
	if tokens > pictures {
		return fmt.Errorf("%d picture tokens for %d pictures", tokens, pictures)
	}
	return nil
}

// TraceInputs are the inputs of one row: its ids, and pictures [pictures, 3, H, W], which may be nil.
func (m *Model) TraceInputs(ids []int32, pixels *tensor.Tensor) weights.Source {
	pixelsName, idsName := m.dialect.inputs()
	values := make([]float32, len(ids))
	for i, id := range ids {
		values[i] = float32(id)
	}
	in := []weights.Tensor{weights.FromFloat32(idsName, []int{1, len(ids)}, values)}
	if pixels != nil {
		in = append(in, weights.FromFloat32(pixelsName, append([]int{1}, pixels.Shape()...), pixels.Data()))
	}
	return weights.NewMemory(in...)
}

// TraceNames lists what Trace can give, with shapes, by a pass over an empty picture.
func (m *Model) TraceNames(opt tensor.Options) ([]weights.Tensor, error) {
	p := m.processor
	pixels := tensor.FromFloats(make([]float32, p.Len()), 1, 3, p.Size[0], p.Size[1])
	ids := []int32{m.dialect.image(), 0} // a word besides, which may come out of another table than the picture's token
	return m.Trace(opt, model.Trace{Inputs: m.TraceInputs(ids, pixels), Maps: true})
}
