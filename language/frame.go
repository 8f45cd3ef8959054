package language

import (
	"fmt"
	"strings"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// What stands around the blocks of a decoder is the same for all of them: sizes, a table of words on the way in, a head on the way out.

// Sizes are what the configurations of decoder-only models have in common.
type Sizes struct {
	Vocab, Width, FeedForward int
	Layers, Heads             int
	Context                   int // most positions that the model was made for
	BOS, Pad                  int32
	EOS                       []int32
}

// Check says what cannot be, of these sizes or of others that a model has besides; its errors begin with the model's name.
func (s *Sizes) Check(model string, more ...Size) error {
	if err := CheckSizes(append([]Size{
		{"vocabulary", s.Vocab},
		{"width", s.Width},
		{"feed-forward width", s.FeedForward},
		{"number of layers", s.Layers},
		{"number of heads", s.Heads},
		{"context", s.Context},
	}, more...)...); err != nil {
		return fmt.Errorf("%s: %w", model, err)
	}
	return nil
}

// CheckHeads is Check for a model whose heads share its width evenly.
func (s *Sizes) CheckHeads(model string, more ...Size) error {
	if err := s.Check(model, more...); err != nil {
		return err
	}
	if s.Width%s.Heads != 0 {
		return fmt.Errorf("%s: width %d is not a multiple of %d heads", model, s.Width, s.Heads)
	}
	return nil
}

// Shared is what the rest of the house knows of a model whose heads share its width evenly.
func (s *Sizes) Shared(architecture string) Config {
	return Config{
		Architecture: architecture, Vocab: s.Vocab, Width: s.Width, Hidden: s.Width, Layers: s.Layers, KVHeads: s.Heads, HeadDim: s.Width / s.Heads,
		Context: s.Context, BOS: s.BOS, EOS: s.EOS, Pad: s.Pad,
	}
}

// Words are a decoder's embeddings and its output head, often the same table.
type Words struct {
	Table, Head *tensor.Tensor // [vocabulary, width]
	still       int32          // the word whose embedding gets no gradient where it is looked up; −1: none
	tablePath   string
	headPath    string
	path        string // of the model
}

// BindTable binds the embeddings below b. That of pad, where it is not −1, gets no gradient from texts.
func (w *Words) BindTable(b *nn.Builder, name string, vocab, width int, pad int32) {
	w.still = pad
	w.tablePath = b.Sub(strings.TrimSuffix(name, ".weight")).Path()
	w.Table = b.Tensor(name, nn.Init{Kind: nn.Normal, Std: 0.02}, vocab, width)
}

// BindHead binds the head, a module below b; tied, it is the table.
func (w *Words) BindHead(b *nn.Builder, module string, tied bool) {
	h := b.Sub(module)
	w.Head, w.headPath, w.path = w.Table, h.Path(), b.Path()
	if !tied {
		w.Head = h.Tensor("weight", nn.Init{Kind: nn.Normal, Std: 0.02}, w.Table.Dim(0), w.Table.Dim(1))
	}
}

// Embed is Model's.
func (w *Words) Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor {
	x := r.EmbeddingPadded(w.Table, w.still, ids, shape...)
	w.ObserveEmbeds(r, x)
	return x
}

// ObserveEmbeds shows what words became.
func (w *Words) ObserveEmbeds(r *tensor.Run, x *tensor.Tensor) { r.Observe(w.tablePath, x) }

// Logits is Model's.
func (w *Words) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	logits := r.Linear(hidden, w.Head, nil, kernel.NoAct)
	w.ObserveLogits(r, logits)
	return logits
}

// PlainHead is the head, where logits are what it makes of hidden states and nothing besides; Extend puts further rows beside it.
func (w *Words) PlainHead() *tensor.Tensor { return w.Head }

// ObserveLogits shows what comes out of the head, and with it of the model.
func (w *Words) ObserveLogits(r *tensor.Run, logits *tensor.Tensor) {
	r.Observe(w.headPath, logits)
	r.Observe(w.path, logits)
}

// Cost is what a model's work takes: query and kv are the widths of all heads of queries and of keys together, matrices those of the i-th
// of its blocks.
func (w *Words) Cost(query, kv, blocks int, matrices func(i int) []*tensor.Tensor) Cost {
	c := Cost{Attention: blocks * query, CacheRow: blocks * 2 * kv}
	c.AddHead(w.Head)
	for i := range blocks {
		c.Add(matrices(i)...)
	}
	return c
}

// Through runs hidden states through so many blocks, each given what Enter makes of what came to it, and closes the pass. Only what a block
// returns is kept of its memory.
func (p *Pass) Through(h *tensor.Tensor, blocks int, block func(i int, h *tensor.Tensor) *tensor.Tensor) *tensor.Tensor {
	mark := p.Run.Mark()
	for i := range blocks {
		h = p.Run.Release(mark, block(i, p.Enter(i, h)))
	}
	p.End()
	return h
}
