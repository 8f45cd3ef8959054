package language

import (
	"fmt"
	"slices"

	"dragoman/kernel"
	"dragoman/tensor"
)

// extended is a model with words of its own behind the first few of a frozen model's.
type extended struct {
	Model
	first       int            // words of the frozen model's that count
	embed, head *tensor.Tensor // [new words, width]
}

// Extend adds words to a decoder-only model, in tables of their own, so that they can learn while the model stands still: rows of the
// embedding, and rows of the output head (the same, where the model ties them). The words have the ids from first on; what the model has
// beyond that, such as the rows that pad a vocabulary, is no longer seen.
func Extend(m Model, first int, embed, head *tensor.Tensor) Model {
	if first > m.Config().Vocab || embed.Dim(1) != m.Config().Width {
		panic(fmt.Sprintf("language: words from %d on, %v, for a model of %d words of %d", first, embed.Shape(), m.Config().Vocab, m.Config().Width))
	}
	return &extended{Model: m, first: first, embed: embed, head: head}
}

func (m *extended) Config() Config {
	c := m.Model.Config()
	c.Vocab = m.first + m.embed.Dim(0)
	return c
}

// Cost is the model's, and the new words' rows of the head; nothing where the model does not say.
func (m *extended) Cost() Cost {
	var c Cost
	if own, ok := m.Model.(interface{ Cost() Cost }); ok {
		c = own.Cost()
		c.AddHead(m.head)
	}
	return c
}

func (m *extended) Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor {
	x := EmbedBoth(r, m.Model.Embed, m.embed, int32(m.first), ids, shape)
	if o, ok := m.Model.(shower); ok {
		o.ObserveEmbeds(r, x)
	}
	return x
}

// shower shows what words became and what logits came to: here those of both tables, in the place of the model's own alone.
type shower interface {
	ObserveEmbeds(r *tensor.Run, x *tensor.Tensor)
	ObserveLogits(r *tensor.Run, logits *tensor.Tensor)
}

func (m *extended) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	// Logits of many tokens are large: they are made side by side, unless the model's own are to be shown or are cut.
	if own, ok := m.Model.(interface{ PlainHead() *tensor.Tensor }); ok && r.Options().Observer == nil {
		if head := own.PlainHead(); head != nil && head.Rows() == m.first {
			return r.Beside(hidden, head, m.head)
		}
	}
	own := m.Model.Logits(r, hidden)
	if m.first < m.Model.Config().Vocab {
		own = r.Slice(own, len(own.Shape())-1, 0, m.first)
	}
	if s, ok := m.Model.(interface{ LogitScale() float32 }); ok && s.LogitScale() != 0 {
		hidden = r.Scale(hidden, s.LogitScale())
	}
	logits := r.Concat(-1, own, r.Linear(hidden, m.head, nil, kernel.NoAct))
	if o, ok := m.Model.(shower); ok {
		o.ObserveLogits(r, logits)
	}
	return logits
}

// EmbedBoth looks ids up in a model's own embedding, and those from first on in another table [further words, width].
func EmbedBoth(r *tensor.Run, own func(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor, further *tensor.Tensor, first int32, ids []int32, shape []int) *tensor.Tensor {
	if len(ids) == 0 || slices.Max(ids) < first {
		return own(r, ids, shape...)
	}
	// One table of what is looked up, the model's own words first.
	var near, far []int32
	for _, id := range ids {
		if id < first {
			near = append(near, id)
		} else {
			far = append(far, id-first)
		}
	}
	table := r.Embedding(further, far, len(far))
	if len(near) > 0 {
		table = r.Concat(0, own(r, near, len(near)), table)
	}
	index := make([]int32, len(ids))
	nextNear, nextFar := int32(0), int32(len(near))
	for i, id := range ids {
		if id < first {
			index[i] = nextNear
			nextNear++
		} else {
			index[i] = nextFar
			nextFar++
		}
	}
	return r.Reshape(r.Gather(table, index), append(slices.Clone(shape), further.Dim(1))...)
}
