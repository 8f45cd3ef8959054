// Package language says what a language model is to the rest of the house: token embeddings in, hidden states and logits
// out, with a cache of keys and values for decoding, and a hook before each block through which gated cross-attention comes
// in. Each architecture is a package below this one.
package language

import (
	"errors"

	"dragoman/tensor"
)

// Model is a language model: decoder-only, or a Reader. It may be used by many runs at a time.
type Model interface {
	Config() Config
	// Embed looks up token embeddings: [shape..., Width].
	Embed(r *tensor.Run, ids []int32, shape ...int) *tensor.Tensor
	// Forward runs embeddings through all blocks: the last hidden states [B, T, Width], normed for Logits.
	Forward(r *tensor.Run, in Input) *tensor.Tensor
	// Logits scores every id as the next token: hidden [..., Width] to [..., Vocab].
	Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor
}

// Reader is an encoder-decoder model. It reads a text whole, each token seeing those behind it too, before it writes another, which
// begins with the id Config.Start. Forward is of what it writes, and wants what was read as Input.Source.
//
// Decoder and Predict hide the difference from those who only want a prompt continued.
type Reader interface {
	Model
	// Read encodes a text (Embeds, Mask), in the run's memory or, where there is a Cache of its own for it, there.
	Read(r *tensor.Run, in Input) *Reading
}

// Config is what others need to know of a model.
type Config struct {
	Architecture string // as GGUF and transformers call it: "llama"
	Vocab        int
	Width        int // of an embedding, and of a hidden state that Forward returns
	Hidden       int // of hidden states between blocks, as a Hook sees them; Width but in opt-350m
	Layers       int // of a Reader, those that write
	KVHeads      int // heads of keys and values
	HeadDim      int
	Context      int     // most positions that it was made for; 0: any number
	Bounded      bool    // a longer text cannot be read: its positions are a table, or it would no longer see all of itself
	BOS          int32   // −1: none
	Start        int32   // of a Reader: what the texts that it learns from begin with
	Begin        int32   // of a Reader: what the texts that it writes begin with
	EOS          []int32 // ids that end a text; may be empty
	Pad          int32   // −1: none
}

// Input is what a forward pass reads.
type Input struct {
	Embeds *tensor.Tensor // [B, T, Width]: tokens' embeddings, soft prompts, or both
	Mask   []uint8        // [B, T], 0 for padding, wherever it stands; nil: none is
	Cache  *Cache         // nil, or what came before; the pass adds to it
	Source *Reading       // of a Reader's Forward: what was read
	Hook   Hook           // nil, or what is done before each block
}

// Hook is given the hidden states [B, T, Hidden] that come into a block and returns what the block is to read.
type Hook func(r *tensor.Run, layer int, hidden *tensor.Tensor) *tensor.Tensor

// ErrContext is wrapped where a text would become longer than the model's context.
var ErrContext = errors.New("longer than the model's context")

// Positions numbers the tokens that the mask shows, from first[b] on (nil: 0), row by row; padding has the position before
// it, or 0.
func Positions(dst []int32, mask []uint8, first []int32, rows, length int) []int32 {
	dst = dst[:0]
	for b := range rows {
		next := int32(0)
		if first != nil {
			next = first[b]
		}
		for t := range length {
			if mask == nil || mask[b*length+t] != 0 {
				dst = append(dst, next)
				next++
			} else {
				dst = append(dst, max(next-1, 0))
			}
		}
	}
	return dst
}
