package language

import "dragoman/tensor"

// Predict scores texts behind their prompts: the logits [Σ len(texts[b]), Vocab] of each text's tokens, text by text, each given
// the prompt and what of the text comes before it. A soft prompt [B, words, Width] stands before each prompt; nil: none. What it
// scores has gradients where the run has a tape. In training, rows of like lengths are read together, so that
// little of it is padding.
func Predict(r *tensor.Run, m Model, soft *tensor.Tensor, prompts, texts [][]int32) *tensor.Tensor {
	lengths := make([]int, len(texts))
	for b, t := range texts {
		lengths[b] = len(prompts[b]) + len(t)
	}
	parts := Parts(r, lengths)
	var states []*tensor.Tensor
	at := make([]int32, len(texts)) // where each text's states begin
	row := int32(0)
	for _, part := range parts {
		own := soft
		if soft != nil && len(parts) > 1 {
			own = r.Reshape(r.Gather(r.Reshape(soft, soft.Dim(0), soft.Dim(1)*soft.Dim(2)), int32s(part)), len(part), soft.Dim(1), soft.Dim(2))
		}
		states = append(states, predicting(r, m, own, chosen(prompts, part), chosen(texts, part)))
		for _, b := range part {
			at[b], row = row, row+int32(len(texts[b]))
		}
	}
	all := states[0]
	if len(parts) > 1 {
		var places []int32
		for b, t := range texts {
			for i := range t {
				places = append(places, at[b]+int32(i))
			}
		}
		all = r.Gather(r.Concat(0, states...), places)
	}
	// Scoring is the dear part of a small language model: only where a token of a text is to be predicted.
	return m.Logits(r, all)
}

// predicting are the hidden states that texts' tokens are predicted from, text by text: [Σ len(texts[b]), Hidden].
func predicting(r *tensor.Run, m Model, soft *tensor.Tensor, prompts, texts [][]int32) *tensor.Tensor {
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
	return r.Gather(r.Reshape(hidden, len(texts)*length, hidden.Dim(2)), places)
}

func int32s(x []int) []int32 {
	out := make([]int32, len(x))
	for i, v := range x {
		out[i] = int32(v)
	}
	return out
}

func chosen(rows [][]int32, which []int) [][]int32 {
	out := make([][]int32, len(which))
	for i, b := range which {
		out[i] = rows[b]
	}
	return out
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
