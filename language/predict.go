package language

import "dragoman/tensor"

// Predict scores texts behind their prompts: the logits [Σ len(texts[b]), Vocab] of each text's tokens, text by text, each given
// the prompt and what of the text comes before it. A soft prompt [B, words, Width] stands before each prompt; nil: none. What it
// scores has gradients where the run has a tape.
func Predict(r *tensor.Run, m Model, soft *tensor.Tensor, prompts, texts [][]int32) *tensor.Tensor {
	heads := make([][]int32, len(texts)) // what is read of each text
	for b, t := range texts {
		heads[b] = t[:len(t)-1]
	}
	pad := max(0, m.Config().Pad)
	first := make([]int, len(texts)) // where each text's first token is predicted
	var in Input
	if reader, ok := m.(Reader); ok {
		embeds, mask := padRight(r, m, soft, prompts, pad)
		in.Source = reader.Read(r, Input{Embeds: embeds, Mask: mask})
		for b := range heads {
			heads[b] = append([]int32{m.Config().Start}, heads[b]...)
		}
		in.Embeds, in.Mask = padRight(r, m, nil, heads, pad)
	} else {
		words := 0
		if soft != nil {
			words = soft.Dim(1)
		}
		for b, p := range prompts {
			first[b] = words + len(p) - 1
			heads[b] = append(p[:len(p):len(p)], heads[b]...)
		}
		in.Embeds, in.Mask = padRight(r, m, soft, heads, pad)
	}
	hidden := m.Forward(r, in)
	length := hidden.Dim(1)
	var places []int32
	for b, t := range texts {
		for i := range t {
			places = append(places, int32(b*length+first[b]+i))
		}
	}
	// Scoring is the dear part of a small language model: only where a token of a text is to be predicted.
	return m.Logits(r, r.Gather(r.Reshape(hidden, len(texts)*length, hidden.Dim(2)), places))
}

// padRight embeds rows of ids behind soft words, padded on the right: [B, words+T, Width], and the mask of what is no padding; nil where
// there is none.
func padRight(r *tensor.Run, m Model, soft *tensor.Tensor, rows [][]int32, pad int32) (embeds *tensor.Tensor, mask []uint8) {
	words, longest, even := 0, 0, true
	if soft != nil {
		words = soft.Dim(1)
	}
	for _, row := range rows {
		longest = max(longest, len(row))
		even = even && len(row) == len(rows[0])
	}
	ids := make([]int32, 0, len(rows)*longest)
	for _, row := range rows {
		ids = append(ids, row...)
		for range longest - len(row) {
			ids = append(ids, pad)
		}
		for i := 0; !even && i < words+longest; i++ {
			m := uint8(0)
			if i < words+len(row) {
				m = 1
			}
			mask = append(mask, m)
		}
	}
	if longest == 0 {
		return soft, mask
	}
	embeds = m.Embed(r, ids, len(rows), longest)
	if soft != nil {
		embeds = r.Concat(1, soft, embeds)
	}
	return embeds, mask
}
