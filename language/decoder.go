package language

import (
	"context"
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
	last    []int32        // where each row of a prompt ends
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
	n := 0
	if d.cache != nil {
		for row := range d.cache.Rows() {
			n = max(n, d.TokensOf(row))
		}
	}
	return n
}

// TokensOf is how many tokens a row has, soft prompts included.
func (d *Decoder) TokensOf(row int) int {
	n := int(d.cache.next[row])
	if d.reading != nil {
		n += int(d.source.next[row]) - 1 // the start is nobody's
	}
	return n
}

// Together is how many rows can be continued at a time with each, to the last bit, what it is by itself; hooked are the matrices behind Hook.
func (d *Decoder) Together(hooked ...*tensor.Tensor) int {
	m, ok := d.Model.(interface{ Cost() Cost })
	if !ok {
		return 1
	}
	c := m.Cost()
	return c.Together(d.run.Options().Compute, hooked...)
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
// padding, which stands behind a row's tokens (nil: none). Logits are then those of each row's next token.
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
	if length > 1 && !d.cache.even() {
		return fmt.Errorf("language: %d tokens each behind rows of different lengths", length)
	}
	h := d.Model.Forward(d.run, Input{Embeds: embeds, Mask: mask, Cache: d.cache, Source: d.reading, Hook: d.Hook})
	if length > 1 {
		d.last = d.last[:0]
		for b := range rows {
			d.last = append(d.last, int32(b*length)+tokens(mask, b, length)-1)
		}
		h = d.run.Gather(d.run.Reshape(h, rows*length, h.Dim(2)), d.last)
	}
	d.logits = d.run.Reshape(d.Model.Logits(d.run, h), rows, d.Model.Config().Vocab)
	return nil
}

// fits says whether so many more tokens fit into the model's context.
func (d *Decoder) fits(more int) error {
	n := more
	if d.cache != nil {
		n += d.cache.Len()
	}
	if limit := d.Model.Config().Context; limit > 0 && n > limit {
		return fmt.Errorf("language: %d tokens: %w of %d", n, ErrContext, limit)
	}
	return nil
}

// Read reads prompts of any lengths.
func (d *Decoder) Read(prompts ...[]int32) error { return d.ReadBehind(nil, prompts) }

// ReadBehind reads prompts of any lengths, each behind the words of its soft prompt [B, words, Width]; nil: the prompts alone.
func (d *Decoder) ReadBehind(soft *tensor.Tensor, prompts [][]int32) error {
	longest := 0
	for i, p := range prompts {
		if len(p) == 0 && soft == nil {
			return fmt.Errorf("language: prompt %d is empty", i)
		}
		longest = max(longest, len(p))
		if err := CheckIDs(p, d.Model.Config().Vocab); err != nil {
			return err
		}
	}
	if soft != nil {
		longest += soft.Dim(1)
	}
	if err := d.fits(longest); err != nil { // before there are embeddings of it all
		return err
	}
	embeds, mask := padRight(d.run, d.Model, soft, prompts, max(0, d.Model.Config().Pad))
	return d.Prefill(embeds, mask)
}

// Each makes so many rows of the one text that was read, or of none, and has each of them read on by itself, so that what it becomes does not
// hang on the others, however few tokens that is. A context that ends, ends it between two rows. It is not for a Reader.
func (d *Decoder) Each(ctx context.Context, rows int, read func(row int) error) error {
	if d.cache == nil || d.cache.Len() == 0 {
		d.cache = d.room(d.cache, rows)
	} else {
		d.cache.Select(make([]int, rows))
	}
	var logits []float32
	for row := range rows {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		all := d.cache.only(row)
		err := read(row)
		all()
		if err != nil {
			return err
		}
		logits = append(logits, d.Logits(0)...)
		d.run.Reset()
	}
	d.logits = tensor.FromFloats(logits, rows, len(logits)/rows)
	return nil
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
