package llama

import (
	"slices"

	"dragoman/nn"
	"dragoman/tensor"
)

// IDEFICS adds words to a frozen LLaMA in tables of their own, behind the last of its vocabulary, so that they can learn while the
// vocabulary stands still: rows of an embedding, and rows of the output head.

// bindExtra binds the additional words, where the configuration has any.
func (m *Model) bindExtra(b *nn.Builder) {
	if m.cfg.Extra == 0 {
		return
	}
	normal := nn.Init{Kind: nn.Normal, Std: 0.02}
	m.extra = b.Sub("model").Tensor("embed_tokens.additional_embedding.weight", normal, m.cfg.Extra, m.cfg.Width)
	m.extraHead = m.extra
	if !m.cfg.Tied {
		m.extraHead = b.Tensor("lm_head.additional_fc.weight", normal, m.cfg.Extra, m.cfg.Width)
	}
}

// embedExtra looks up words in both tables.
func (m *Model) embedExtra(r *tensor.Run, ids []int32, shape []int) *tensor.Tensor {
	vocab := int32(m.cfg.Vocab)
	if len(ids) == 0 || slices.Max(ids) < vocab {
		return m.words.Embed(r, ids, shape...)
	}
	// One table of what is looked up, the vocabulary's words first.
	var own, extra []int32
	for _, id := range ids {
		if id < vocab {
			own = append(own, id)
		} else {
			extra = append(extra, id-vocab)
		}
	}
	table := r.Embedding(m.extra, extra, len(extra))
	if len(own) > 0 {
		table = r.Concat(0, m.words.Embed(r, own, len(own)), table)
	}
	index := make([]int32, len(ids))
	nextOwn, nextExtra := int32(0), int32(len(own))
	for i, id := range ids {
		if id < vocab {
			index[i] = nextOwn
			nextOwn++
		} else {
			index[i] = nextExtra
			nextExtra++
		}
	}
	return r.Reshape(r.Gather(table, index), append(slices.Clone(shape), m.cfg.Width)...)
}
