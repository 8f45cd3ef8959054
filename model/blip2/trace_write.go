package blip2

import (
	"fmt"

	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
)

// write is the rest of generate for an encoder-decoder model: it reads in, and scores what decoder_input_ids or the labels, begun with
// the start token, have it write; the start token alone where there is neither. Each label is predicted at its own place.
func (p *tracePass) write(m language.Reader, in language.Input, rows int) (*tensor.Tensor, error) {
	c := m.Config()
	labels, n, err := p.labels(rows)
	if err != nil {
		return nil, err
	}
	ids, idRows, err := model.Ints(p.in.Inputs, "decoder_input_ids")
	switch {
	case err != nil:
		return nil, err
	case ids == nil:
		ids = shiftRight(labels, rows, max(n, 1), c)
	case idRows != rows || labels != nil && len(ids) != len(labels):
		return nil, fmt.Errorf("decoder_input_ids: %d tokens in %d rows, for %d rows of input_ids and %d labels", len(ids), idRows, rows, len(labels))
	}
	if err := language.CheckIDs(ids, c.Vocab); err != nil {
		return nil, fmt.Errorf("decoder_input_ids: %w", err)
	}
	mask, err := p.mask("decoder_attention_mask", len(ids))
	if err != nil {
		return nil, err
	}
	source := m.Read(p.run, in)
	p.run.SetObserver(nil) // the words that it reads have been shown; Forward shows those that it writes
	words := m.Embed(p.run, ids, rows, len(ids)/rows)
	p.run.SetObserver(p.seen)
	hidden := m.Forward(p.run, language.Input{Embeds: words, Mask: mask, Source: source})
	logits := m.Logits(p.run, hidden)
	p.seen.Keep("logits", logits)
	if labels == nil {
		return nil, nil
	}
	return p.run.CrossEntropy(logits, labels, 0), nil
}

// shiftRight is what an encoder-decoder model is given to write labels [rows, n]: the start token and all of a row but its last; padding
// where a label is not to be predicted. Without labels it is the start.
func shiftRight(labels []int32, rows, n int, c language.Config) []int32 {
	ids := make([]int32, 0, rows*n)
	for r := range rows {
		ids = append(ids, c.Start)
		for i := range n - 1 {
			id := labels[r*n+i]
			if id < 0 {
				id = max(0, c.Pad)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// labels reads what is to be predicted, [rows, n]; what is negative is not. Absent is nil without an error.
func (p *tracePass) labels(rows int) (labels []int32, n int, err error) {
	labels, labelRows, err := model.Ints(p.in.Inputs, "labels")
	if err != nil || labels == nil {
		return nil, 0, err
	}
	if labelRows != rows || len(labels)%rows != 0 {
		return nil, 0, fmt.Errorf("labels: %d values for %d rows", len(labels), rows)
	}
	vocab := p.Language.Config().Vocab
	for _, id := range labels {
		if int(id) >= vocab {
			return nil, 0, fmt.Errorf("labels: %d is not among %d tokens", id, vocab)
		}
	}
	return labels, len(labels) / rows, nil
}
