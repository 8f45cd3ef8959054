package dragoman

import (
	"context"
	"fmt"
	"math"

	"dragoman/generate"
	"dragoman/model/blip2"
	"dragoman/tensor"
)

// maxTextTokens is how much of a text is read where it is compared with a picture.
const maxTextTokens = 512

// Match says how well a picture goes with each text.
func (m *Model) Match(ctx context.Context, img Image, texts ...string) ([]Score, error) {
	labels, err := m.Labels(ctx, texts)
	if err != nil {
		return nil, err
	}
	return labels.Score(ctx, img)
}

// finite refuses what nothing can be compared by.
func finite[T float32 | float64](what string, values ...T) error {
	if err := generate.Finite(values...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// HasMatchingHead says whether scores have an ITM. Those of a CLIP, and of a bridge that learnt by contrast alone, have a Probability instead.
func (m *Model) HasMatchingHead() bool { return m.system.Matches() }

// Embeds says whether pictures and texts have places in one space, for EmbedImage and EmbedText.
func (m *Model) Embeds() bool {
	if m.pair != nil {
		return m.pair.Vision != nil && m.pair.Text != nil && m.pair.Tokenizer != nil
	}
	b := m.system.Bridge
	return b != nil && b.Heads.Vision != nil && b.Heads.Text != nil && m.system.Words != nil
}

// matchTexts is Match for a model with a bridge. embedded are the texts' vectors, side by side, where the model embeds.
func (m *Model) matchTexts(ctx context.Context, img Image, texts []string, embedded []float32) ([]Score, error) {
	b := m.system.Bridge
	if !m.Embeds() && (m.system.Words == nil || !m.HasMatchingHead()) {
		return nil, fmt.Errorf("matching: %w: heads that compare pictures with texts", ErrNoPart)
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("matching: %w", err)
	}
	defer done()
	seen, err := m.see(ctx, run, img)
	if err != nil {
		return nil, err
	}
	scores := make([]Score, len(texts))
	if len(texts) == 0 {
		return scores, nil
	}
	t := m.system.Texts(texts, maxTextTokens)
	var images, vectors *tensor.Tensor
	if m.Embeds() {
		images, vectors = b.EmbedImages(run, seen.Answer, seen.Picture), tensor.FromFloats(embedded, len(texts), m.system.Config.Shared)
		for i, cosine := range blip2.Cosines(run, images, vectors).Data() {
			scores[i].ITC = float64(cosine)
		}
	}
	switch {
	case m.system.Weighs():
		for i, odds := range m.system.Odds(run, seen.Summary, images, m.system.Compare(run, texts, vectors)) {
			scores[i].ITM = sigmoid(odds)
		}
	case m.HasMatchingHead():
		logits := b.MatchLogits(run, seen.Pictures, make([]int32, len(texts)), t).Data()
		for i := range texts {
			scores[i].ITM = sigmoid(float64(logits[2*i+1] - logits[2*i]))
		}
	}
	for _, s := range scores {
		if err := finite("matching: "+img.name, s.ITC, s.ITM); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return scores, nil
}

func sigmoid(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }

// EmbedImage is a picture as vectors that can be compared with those of texts: one a query (of a CLIP, one), each of length 1.
func (m *Model) EmbedImage(ctx context.Context, img Image) ([][]float32, error) {
	if m.pair != nil {
		row, err := m.embedPicture(ctx, img)
		if err != nil {
			return nil, err
		}
		return [][]float32{row}, nil
	}
	if m.system.Bridge == nil || m.system.Bridge.Heads.Vision == nil {
		return nil, fmt.Errorf("embedding: %w: a projection of pictures into the shared space", ErrNoPart)
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	defer done()
	seen, err := m.see(ctx, run, img)
	if err != nil {
		return nil, err
	}
	return vectorsOf("embedding: "+img.name, m.system.Bridge.EmbedImages(run, seen.Answer, seen.Picture))
}

// EmbedText is a text as a vector of length 1 that can be compared with those of pictures.
func (m *Model) EmbedText(ctx context.Context, text string) ([]float32, error) {
	if m.pair != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return m.embedWords(text)
	}
	if m.system.Bridge == nil || m.system.Bridge.Heads.Text == nil || m.system.Words == nil {
		return nil, fmt.Errorf("embedding: %w: a projection of texts into the shared space", ErrNoPart)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	defer done()
	return vectorOf("embedding a text", m.system.TextVectors(run, []string{text}, maxTextTokens))
}

// vectorsOf copies a tensor's rows, and refuses those that are no numbers.
func vectorsOf(what string, t *tensor.Tensor) ([][]float32, error) {
	if err := finite(what, t.Data()...); err != nil {
		return nil, err
	}
	return rowsOf(t), nil
}

// vectorOf is vectorsOf of the one row that there is.
func vectorOf(what string, t *tensor.Tensor) ([]float32, error) {
	rows, err := vectorsOf(what, t)
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// rowsOf copies a tensor's rows.
func rowsOf(t *tensor.Tensor) [][]float32 {
	width := t.Dim(-1)
	rows := make([][]float32, t.Len()/width)
	for i := range rows {
		rows[i] = append([]float32(nil), t.Data()[i*width:(i+1)*width]...)
	}
	return rows
}
