package clip

import (
	"fmt"
	"slices"

	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
	vision "dragoman/vision/clip"
)

// Text is the text encoder: a transformer in which each token sees those before it, read off at the end token, which has seen all.
type Text struct {
	Config   TextConfig
	path     string
	words    *tensor.Tensor // [vocabulary, width]
	position *tensor.Tensor // [positions, width]
	blocks   *vision.Blocks
	norm     [2]*tensor.Tensor // of what comes out: weight, bias
}

// NewText binds or makes the encoder under b's prefix (text_model).
func NewText(c TextConfig, b *nn.Builder) *Text {
	e, n := b.Sub("embeddings"), b.Sub("final_layer_norm")
	small := nn.Init{Kind: nn.Normal, Std: 0.02}
	return &Text{
		Config:   c,
		path:     b.Path(),
		words:    e.Tensor("token_embedding.weight", small, c.Vocab, c.HiddenSize),
		position: e.Tensor("position_embedding.weight", small, c.Positions, c.HiddenSize),
		blocks:   vision.NewBlocks(b.Sub("encoder"), c.Sizes),
		norm:     [2]*tensor.Tensor{n.Tensor("weight", nn.Init{Kind: nn.One}, c.HiddenSize), n.Tensor("bias", nn.Init{Kind: nn.Zero}, c.HiddenSize)},
	}
}

// Batch is texts as ids, rows of one length.
type Batch struct {
	IDs  []int32 // [Rows, length]
	Mask []uint8 // nil, or 1 for each token that may be seen
	Rows int
}

// check refuses what the encoder has no places for.
func (t *Text) check(b Batch) error {
	if b.Rows < 1 || len(b.IDs) == 0 {
		return fmt.Errorf("there are no tokens")
	}
	if length := len(b.IDs) / b.Rows; length > t.Config.Positions {
		return fmt.Errorf("%d tokens, there are %d positions", length, t.Config.Positions)
	}
	return language.CheckIDs(b.IDs, t.Config.Vocab)
}

// Encode reads texts: the row that each is read off, [rows, width]. The batch must have been checked.
func (t *Text) Encode(r *tensor.Run, b Batch) *tensor.Tensor {
	length, d := len(b.IDs)/b.Rows, t.Config.HiddenSize
	words, places := r.Embedding(t.words, b.IDs, b.Rows, length), r.Reshape(r.Slice(t.position, 0, 0, length), length, d)
	r.Observe(t.path+".embeddings.token_embedding", words)
	r.Show(t.path+".embeddings.position_embedding", func() *tensor.Tensor { return r.Reshape(places, 1, length, d) })
	h := r.Add(words, places)
	r.Observe(t.path+".embeddings", h)
	h = t.blocks.Forward(r, h, &vision.Reading{Mask: b.Mask})
	h = r.LayerNorm(h, t.norm[0], t.norm[1], t.Config.Eps)
	r.Observe(t.path+".final_layer_norm", h)
	r.Observe(t.path, h)
	index := make([]int32, b.Rows)
	for row := range index {
		index[row] = int32(row*length + t.end(b.IDs[row*length:(row+1)*length]))
	}
	pooled := r.Gather(r.Reshape(h, b.Rows*length, d), index)
	r.Observe(t.path+".pooler_output", pooled)
	return pooled
}

// end is where a text is read off.
func (t *Text) end(ids []int32) int {
	if t.Config.EOS == highest {
		return slices.Index(ids, slices.Max(ids))
	}
	return max(0, slices.Index(ids, t.Config.EOS)) // transformers, too, takes the first token of a text without an end
}
