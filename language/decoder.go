package language

import (
	"errors"
	"fmt"
	"math"

	"dragoman/generate"
	"dragoman/tensor"
)

// Decoder reads prompts into a cache and continues them: the generate.Sequences of a model.
type Decoder struct {
	Model Model
	Hook  Hook // nil, or what is done before each block
	// Moved, if set, is told when row i becomes what row parents[i] was, as beams do; whoever stands behind Hook must know.
	Moved func(parents []int)
	// Onward, if set, is told before several tokens are read behind what was; whoever stands behind Hook knows of prompts and of single tokens.
	Onward func(tokens int)

	run     *tensor.Run
	cache   *Cache
	source  *Cache         // of a Reader: what was read
	reading *Reading       // over source
	logits  *tensor.Tensor // [rows, Vocab]
	starts  []int32        // a Reader's first ids
}

var _ generate.Sequences = (*Decoder)(nil)

// NewDecoder makes a decoder that computes under opt; the run's tape stays off.
func NewDecoder(m Model, opt tensor.Options) *Decoder {
	opt.Grad, opt.Train = false, false
	return &Decoder{Model: m, run: tensor.NewRun(opt)}
}

// Run is the decoder's own run, for embeddings that Prefill is to read. Its activations are gone after the next Advance.
func (d *Decoder) Run() *tensor.Run { return d.run }

// Reset forgets everything that was read, and the hook, and keeps the memory.
func (d *Decoder) Reset() {
	for _, c := range []*Cache{d.cache, d.source} {
		if c != nil {
			c.Clear()
		}
	}
	d.reading, d.logits = nil, nil
	d.Hook, d.Moved, d.Onward = nil, nil, nil
	d.run.Reset()
}

// Tokens is how many tokens the longest row has, soft prompts included.
func (d *Decoder) Tokens() int {
	switch {
	case d.cache == nil:
		return 0
	case d.reading != nil:
		return d.source.Last() + d.cache.Last() - 1 // the start is nobody's
	}
	return d.cache.Last()
}

// Room is how many more tokens the longest row may have; what a model without a limit says is large.
func (d *Decoder) Room() int {
	limit := d.Model.Config().Context
	if limit == 0 {
		return math.MaxInt32
	}
	return max(0, limit-d.Tokens())
}

// Prefill reads embeddings [B, T, Width], behind what was read before (a Reader reads once until Reset); mask [B, T] is 0 for
// padding (nil: none). The last column is a token in every row: pad on the left, or in the middle. Logits are then those of the
// next token.
func (d *Decoder) Prefill(embeds *tensor.Tensor, mask []uint8) error {
	m, ok := d.Model.(Reader)
	if !ok {
		return d.extend(embeds, mask)
	}
	if d.reading != nil {
		return errors.New("language: an encoder-decoder model reads its prompt at once, there is nothing behind it")
	}
	rows := embeds.Dim(0)
	d.source = d.room(d.source, rows)
	d.reading = m.Read(d.run, Input{Embeds: embeds, Mask: mask, Cache: d.source})
	d.starts = d.starts[:0]
	for range rows {
		d.starts = append(d.starts, m.Config().Begin)
	}
	return d.extend(m.Embed(d.run, d.starts, rows, 1), nil)
}

// room is an empty cache of so many rows: c, where it fits.
func (d *Decoder) room(c *Cache, rows int) *Cache {
	if c == nil || c.Len() == 0 && c.Rows() != rows {
		return NewCache(d.Model.Config(), rows, d.run.Options().Compute)
	}
	return c
}

// extend runs tokens behind those in the cache.
func (d *Decoder) extend(embeds *tensor.Tensor, mask []uint8) error {
	rows, length := embeds.Dim(0), embeds.Dim(1)
	if d.cache = d.room(d.cache, rows); d.cache.Rows() != rows {
		return fmt.Errorf("language: %d rows behind %d", rows, d.cache.Rows())
	}
	if err := d.fits(length); err != nil {
		return err
	}
	h := d.Model.Forward(d.run, Input{Embeds: embeds, Mask: mask, Cache: d.cache, Source: d.reading, Hook: d.Hook})
	last := h
	if length > 1 {
		last = d.run.Slice(h, 1, length-1, length)
	}
	d.logits = d.run.Reshape(d.Model.Logits(d.run, last), rows, d.Model.Config().Vocab)
	return nil
}

// fits says whether so many more tokens fit into the model's context.
func (d *Decoder) fits(more int) error {
	if limit, n := d.Model.Config().Context, d.cache.Last()+more; limit > 0 && n > limit {
		return fmt.Errorf("language: %d tokens: %w of %d", n, ErrContext, limit)
	}
	return nil
}

// Read reads prompts of any lengths, padded on the left.
func (d *Decoder) Read(prompts ...[]int32) error {
	for i, p := range prompts {
		if len(p) == 0 {
			return fmt.Errorf("language: prompt %d is empty", i)
		}
	}
	ids, mask, length := PadLeft(prompts, max(0, d.Model.Config().Pad))
	if err := CheckIDs(ids, d.Model.Config().Vocab); err != nil {
		return err
	}
	return d.Prefill(d.Model.Embed(d.run, ids, len(prompts), length), mask)
}

// Before is what a repetition penalty counts besides what is made: the prompts; or, of a Reader, whose prompts are another text, what
// its own begins with.
func (d *Decoder) Before(prompts [][]int32) [][]int32 {
	if _, ok := d.Model.(Reader); !ok {
		return prompts
	}
	starts := make([][]int32, len(prompts))
	for i := range starts {
		starts[i] = []int32{d.Model.Config().Begin}
	}
	return starts
}

// Logits implements generate.Sequences.
func (d *Decoder) Logits(row int) []float32 {
	v := d.logits.Dim(-1)
	return d.logits.Data()[row*v : (row+1)*v]
}

// Advance implements generate.Sequences.
func (d *Decoder) Advance(parents []int, tokens []int32) error {
	if err := CheckIDs(tokens, d.Model.Config().Vocab); err != nil {
		return err
	}
	if !identity(parents, d.cache.Rows()) {
		d.cache.Select(parents)
		if d.Moved != nil {
			d.Moved(parents)
		}
		if d.reading != nil {
			d.source.Share(parents)
		}
	}
	d.run.Reset()
	return d.extend(d.Model.Embed(d.run, tokens, len(tokens), 1), nil)
}

func identity(parents []int, rows int) bool {
	if len(parents) != rows {
		return false
	}
	for i, p := range parents {
		if i != p {
			return false
		}
	}
	return true
}

// CheckIDs is an error for ids that a vocabulary does not have.
func CheckIDs(ids []int32, vocab int) error {
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("language: token %d is not among the model's %d", id, vocab)
		}
	}
	return nil
}

// PadLeft lays prompts of different lengths side by side, ends aligned: ids and mask [len(prompts), length]; the mask is nil
// if no padding is needed.
func PadLeft(prompts [][]int32, pad int32) (ids []int32, mask []uint8, length int) {
	padded := false
	for _, p := range prompts {
		padded = padded || len(p) != len(prompts[0])
		length = max(length, len(p))
	}
	ids = make([]int32, 0, len(prompts)*length)
	if padded {
		mask = make([]uint8, 0, len(prompts)*length)
	}
	for _, p := range prompts {
		for range length - len(p) {
			ids = append(ids, pad)
		}
		ids = append(ids, p...)
		if padded {
			for t := range length {
				m := uint8(0)
				if t >= length-len(p) {
					m = 1
				}
				mask = append(mask, m)
			}
		}
	}
	return ids, mask, length
}
