package qformer

import (
	"fmt"

	"dragoman/nn"
	"dragoman/tensor"
)

// QFormer holds the parameters: the learned queries, the layers, and the words where there is a text stream.
type QFormer struct {
	Config    Config
	Latents   *tensor.Tensor // [1, queries, width], the learned queries
	words     *tensor.Tensor // [vocab, width], nil without a text stream
	positions *tensor.Tensor // [positions, width], nil without a text stream
	norm      norm           // of what goes in, queries and embedded words alike
	layers    []*layer
	paths     paths
}

// paths are the modules that an observer sees besides the layers'. Where the embeddings stand outside of the Q-Former they show what is not
// normed yet (raw); in InstructBLIP all that goes in comes out of them.
type paths struct{ words, positions, raw, norm, dropout, embeddings, encoder, qformer string }

// New binds the Q-Former of a checkpoint, or makes a fresh one: b stands where query_tokens, embeddings and qformer are.
// InstructBLIP keeps the embeddings and the norm inside qformer; both places are understood.
func New(b *nn.Builder, c Config) *QFormer {
	normal := nn.Init{Kind: nn.Normal, Std: c.InitStd}
	inside := b.Sub("qformer")
	words, entry := b.Sub("embeddings"), inside
	at := paths{raw: words.Path(), encoder: inside.Sub("encoder").Path(), qformer: inside.Path()}
	if inside.Has("embeddings.layernorm.weight") {
		words, entry = inside.Sub("embeddings"), inside.Sub("embeddings")
		at.raw, at.embeddings = "", words.Path()
	}
	at.words, at.positions = words.Sub("word_embeddings").Path(), words.Sub("position_embeddings").Path()
	at.norm, at.dropout = entry.Sub("layernorm").Path(), entry.Sub("dropout").Path()
	q := &QFormer{
		Config:  c,
		Latents: b.Tensor("query_tokens", normal, 1, c.Queries, c.Width),
		norm:    newNorm(entry.Sub("layernorm"), c),
		paths:   at,
	}
	if c.Text {
		q.words = words.Tensor("word_embeddings.weight", normal, c.Vocab, c.Width)
		q.positions = words.Tensor("position_embeddings.weight", normal, c.Positions, c.Width)
	}
	for i := range b.Count(c.Layers) {
		q.layers = append(q.layers, newLayer(inside.Sub("encoder", "layer", i), c, i))
	}
	return q
}

// Picture is what the layers that look at a picture remember of a batch of them: keys and values, made once.
type Picture struct {
	memories []tensor.KV // a layer's; empty in layers that do not look
	features *tensor.Tensor
}

// Len is the number of pictures.
func (p *Picture) Len() int { return p.features.Dim(0) }

// Look reads features [pictures, tokens, feature width] for all passes to come.
func (q *QFormer) Look(run *tensor.Run, features *tensor.Tensor) *Picture {
	p := &Picture{features: features, memories: make([]tensor.KV, len(q.layers))}
	for i, l := range q.layers {
		if l.cross != nil {
			p.memories[i] = l.cross.remember(run, features)
		}
	}
	return p
}

// of is a picture's memory in one layer as a batch reads it: its row b looks at picture rows[b] (nil: at picture b).
func (p *Picture) of(layer int, rows []int32) memory {
	kv := p.memories[layer]
	kv.Index = rows
	return memory{stretches: []tensor.KV{kv}}
}

// Text is a batch of tokenised texts of one length, shorter ones padded behind.
type Text struct {
	IDs  []int32 // [batch, length]
	Mask []uint8 // [batch, length], 0 where a token is padding; nil where there is none
	Len  int
}

// Batch is the number of texts.
func (t Text) Batch() int { return len(t.IDs) / t.Len }

// embed looks up words and adds positions, [batch, length, width], which count from 0 whatever stands in front.
func (q *QFormer) embed(run *tensor.Run, t Text) *tensor.Tensor {
	if q.words == nil {
		panic("qformer: this Q-Former has no text stream")
	}
	if t.Len > q.Config.Positions {
		panic(fmt.Sprintf("qformer: a text of %d tokens, there are %d positions", t.Len, q.Config.Positions))
	}
	x, at := run.EmbeddingPadded(q.words, q.Config.Pad, t.IDs, t.Batch(), t.Len), run.Slice(q.positions, 0, 0, t.Len)
	run.Observe(q.paths.words, x)
	run.Show(q.paths.positions, func() *tensor.Tensor { return run.Reshape(at, 1, t.Len, q.Config.Width) })
	return run.Add(x, at)
}

// ask gives a batch of the learned queries as hidden states [batch, queries, width].
func (q *QFormer) ask(run *tensor.Run, batch int) *tensor.Tensor {
	return run.Expand(q.enter(run, q.Latents), batch)
}

// enter is what every token passes before the first layer.
func (q *QFormer) enter(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	return run.Dropout(q.norm.forward(run, x), q.Config.HiddenDropout)
}
