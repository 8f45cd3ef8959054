package llama

import (
	"dragoman/language"
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
	m.extraPath, m.extraHeadPath = b.Sub("model", "embed_tokens", "additional_embedding").Path(), b.Sub("lm_head", "additional_fc").Path()
	m.extraHead = m.extra
	if !m.cfg.Tied {
		m.extraHead = b.Tensor("lm_head.additional_fc.weight", normal, m.cfg.Extra, m.cfg.Width)
	}
}

// embedExtra looks up words in both tables.
func (m *Model) embedExtra(r *tensor.Run, ids []int32, shape []int) *tensor.Tensor {
	x := language.EmbedBoth(r, m.words.Embed, m.extra, int32(m.cfg.Vocab), ids, shape)
	r.Show(m.extraPath, func() *tensor.Tensor {
		var far []int32
		for _, id := range ids {
			if int(id) >= m.cfg.Vocab {
				far = append(far, id-int32(m.cfg.Vocab))
			}
		}
		return r.Embedding(m.extra, far, len(far))
	})
	m.words.ObserveEmbeds(r, x) // those of both tables, in the place of the first's alone
	return x
}
