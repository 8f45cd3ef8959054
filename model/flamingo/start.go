package flamingo

import (
	"errors"
	"fmt"
	"math"

	"dragoman/model"
	"dragoman/tensor"
)

// Line is a linear map that a bridge can begin as, found in closed form, instead of as nothing: from the encoder's summary of a picture,
// normed as feature_projection.pooled norms it, by way of a few directions, to what the block before the first layer adds to a picture's
// token. Through the bridge it goes like this:
//
//	the projection of the summary    gives its place along the directions, and a mark
//	first layer of the resampler     half of the latents look for the mark, and copy what carries it; the others stay silent
//	other layers                     begin as little
//	block before the first layer     a picture's token reads the first half, and adds the words that the directions stand for; other
//	                                 tokens read the silent half
//
// Norms on the way change lengths, and not much else.
type Line struct {
	Rank  int       // directions
	In    []float32 // [rank, summary width]: a summary's place along each
	Shift []float32 // [rank], added to it
	Out   []float32 // [rank, language model's width]: what each stands for
	Mean  []float32 // [language model's width]: what the picture's token is without any
	Gain  float32   // of Out
}

// flags are the last columns of a latent, which are kept free of directions. The very last ones say what is the summary, who looks for it,
// and who is silent; the others let latents differ.
const (
	flags     = 16
	isSummary = 1 // from the end
	isLooking = 2
	isSilent  = 3
)

// Summaries norms the encoder's summaries, as Line.In reads them, of what EncodePictures wrote: [pictures, summary width].
func (m *Model) Summaries(run *tensor.Run, raw []float32) (*tensor.Tensor, error) {
	at, stride := 0, m.FeatureLen()
	for _, g := range m.own.groups {
		if g.kind != kindPooled {
			at += g.tokens * g.width
			continue
		}
		x := run.Reshape(model.Group(run, raw, stride, at, 1, g.width), -1, g.width)
		one, zero := run.New(g.width), run.Zeros(g.width)
		for i := range one.Data() {
			one.Data()[i] = 1
		}
		return run.LayerNorm(x, one, zero, 1e-5), nil
	}
	return nil, fmt.Errorf("a line begins at the feature %.60q, which is not read", kindPooled)
}

// Lines is how many directions a line may have.
func (m *Model) Lines() int {
	r, g := m.Resampler.Config, m.Gates.Config
	return min(r.Width-flags, r.Heads*r.HeadDim-flags, g.Heads*g.HeadDim)
}

// Begin gives a fresh bridge the values under which it is the line.
func (m *Model) Begin(l Line) error {
	if m.own == nil || m.own.inputs == nil || !m.HasWords() || m.Resampler.Config.Heads*m.Resampler.Config.HeadDim != m.Resampler.Config.Width {
		return errors.New("a line needs a projection of features, heads that together are as wide as a latent, and a block before the first layer")
	}
	if l.Rank > m.Lines() {
		return fmt.Errorf("a line of %d directions, the bridge has room for %d", l.Rank, m.Lines())
	}
	w := map[string]*tensor.Tensor{}
	for _, p := range m.own.bridge {
		w[p.Name()] = p
	}
	m.beginFeatures(w, l)
	m.beginLatents(w, l.Rank)
	m.beginBlock(w, l)
	return nil
}

// beginBlock has a picture's token, which is made unlike all others, read the latents that carry the directions.
func (m *Model) beginBlock(w map[string]*tensor.Tensor, l Line) {
	const (
		apart     = 3 // how far the picture's token is from the mean of words, along a direction of its own
		threshold = 5 // how much of that direction, among normed values, is that of a picture's token for sure
		open      = 1
	)
	block := m.Gates.Path(0) + "."
	query, keyValue, out := w[block+"attn.to_q.weight"], w[block+"attn.to_kv.weight"], w[block+"attn.to_out.weight"]
	inner, width, media := query.Dim(0), query.Dim(1), keyValue.Dim(1)
	own := make([]float32, width) // the direction
	for i := range own {
		own[i] = float32(1-i%2*2) / float32(math.Sqrt(float64(width)))
	}
	for i := range width {
		w[block+"attn.norm.bias"].Data()[i] = -threshold * own[i]
	}
	for i := range inner {
		if i%m.Gates.Config.HeadDim == 0 { // a column of each head
			copy(query.Data()[i*width:], own)
			keys := keyValue.Data()[i*media : (i+1)*media]
			clear(keys)
			keys[media-isSummary] = 1
		}
		row := keyValue.Data()[(inner+i)*media : (inner+i+1)*media]
		if clear(row); i < l.Rank {
			row[i] = 1
		}
	}
	for o := range width {
		row := out.Data()[o*inner : (o+1)*inner]
		clear(row)
		for i := range l.Rank {
			row[i] = l.Gain / float32(math.Tanh(open)) * l.Out[i*width+o]
		}
	}
	w[block+"attn_gate"].Data()[0] = open
	if words := w["new_words.embedding.weight"]; words != nil {
		first := m.Language.Config().Vocab - words.Dim(0)
		row := words.Data()[(int(m.dialect.image())-first)*width:][:width]
		for i := range row {
			row[i] = l.Mean[i] + apart*own[i]
		}
	}
}

// beginFeatures projects the summary to its places, and marks it.
func (m *Model) beginFeatures(w map[string]*tensor.Tensor, l Line) {
	at := m.Resampler.Config.Width - isSummary
	for _, g := range m.own.groups {
		weight, bias := w["feature_projection."+g.kind+".weight"], w["feature_projection."+g.kind+".bias"]
		if g.kind != kindPooled {
			clear(weight.Data()[at*g.width:])
			bias.Data()[at] = 0
			continue
		}
		clear(weight.Data())
		clear(bias.Data())
		copy(weight.Data(), l.In)
		copy(bias.Data(), l.Shift)
		bias.Data()[at] = 6
	}
}

// beginLatents has the first half of the latents look for the mark and copy what carries it, and the others look at themselves.
func (m *Model) beginLatents(w map[string]*tensor.Tensor, rank int) {
	const little = 0.02
	c := m.Resampler.Config
	for i := range c.Latents {
		row := w["perceiver.latents"].Data()[i*c.Width : (i+1)*c.Width]
		for j := range rank {
			row[j] *= little
		}
		row[c.Width-isSummary], row[c.Width-isLooking], row[c.Width-isSilent] = 0, 0, 0
		if i < c.Latents/2 {
			row[c.Width-isLooking] = 4
		} else {
			row[c.Width-isSilent] = 4
		}
	}
	const first = "perceiver.layers.0.0."
	query, keyValue, out := w[first+"to_q.weight"].Data(), w[first+"to_kv.weight"].Data(), w[first+"to_out.weight"].Data()
	for i := range c.Width { // as many columns as all heads have together
		at := i * c.Width
		queries, keys := query[at:at+c.Width], keyValue[at:at+c.Width]
		values, copied := keyValue[(c.Width+i)*c.Width:(c.Width+i+1)*c.Width], out[at:at+c.Width]
		switch i % c.HeadDim { // two columns of each head
		case 0:
			clear(queries)
			clear(keys)
			queries[c.Width-isLooking], keys[c.Width-isSummary] = 0.5, 2
		case 1:
			clear(queries)
			clear(keys)
			queries[c.Width-isSilent], keys[c.Width-isSilent] = 0.5, 1
		}
		clear(values)
		clear(copied)
		values[i], copied[i] = 1, 1
	}
	for i := range c.Layers {
		scale(w[fmt.Sprintf("perceiver.layers.%d.1.3.weight", i)], little)
		if i > 0 {
			scale(w[fmt.Sprintf("perceiver.layers.%d.0.to_out.weight", i)], little)
		}
	}
}

func scale(t *tensor.Tensor, by float32) {
	for i := range t.Data() {
		t.Data()[i] *= by
	}
}
