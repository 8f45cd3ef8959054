package language

import (
	"errors"
	"fmt"
	"slices"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/tensor"
)

// Kept is what a decoder had read of one text: the keys and values of its tokens. Nothing changes it, so that many decoders of the
// model may go on from it at a time.
type Kept struct {
	dtype  kernel.DType
	k, v   [][]byte // a layer each
	length int
}

// Len is how many tokens were read.
func (k *Kept) Len() int { return k.length }

// Bytes is how many bytes it takes.
func (k *Kept) Bytes() (sum int64) {
	for i := range k.k {
		sum += int64(len(k.k[i]) + len(k.v[i]))
	}
	return sum
}

// KeptBytes is how many bytes Keep would copy.
func (d *Decoder) KeptBytes() int64 {
	c := d.cache
	return 2 * int64(len(c.layers)) * int64(c.length) * int64(c.dtype.RowBytes(c.width))
}

// Keep copies what was read, of one row.
func (d *Decoder) Keep() (*Kept, error) {
	c := d.cache
	if d.reading != nil || c == nil || c.Rows() != 1 {
		return nil, errors.New("language: only one text of a decoder-only model can be kept")
	}
	k := &Kept{dtype: c.dtype, length: c.length}
	size := c.dtype.RowBytes(c.width)
	at := int(c.index[0]) * c.capacity * size
	for _, l := range c.layers {
		k.k = append(k.k, slices.Clone(l.k[at:][:c.length*size]))
		k.v = append(k.v, slices.Clone(l.v[at:][:c.length*size]))
	}
	return k, nil
}

// Resume has a decoder that has read nothing go on as if it had read what was kept. Logits are there after what it reads next.
func (d *Decoder) Resume(k *Kept) error {
	if d.cache != nil && d.cache.Len() > 0 {
		return errors.New("language: something was read already")
	}
	d.cache = d.room(d.cache, 1)
	c := d.cache
	if len(c.layers) != len(k.k) || c.dtype != k.dtype {
		return fmt.Errorf("language: what was kept is of %d layers of %v, the cache of %d of %v", len(k.k), k.dtype, len(c.layers), c.dtype)
	}
	c.reserve(k.length)
	for i, l := range c.layers {
		copy(l.k, k.k[i])
		copy(l.v, k.v[i])
	}
	c.length, c.next[0] = k.length, int32(k.length)
	return nil
}

// Score is the log-probability of each token of each text, as the continuation of the one text that was read. What was read stays: the
// texts are scored one after the other, each as if it were the only one.
func (d *Decoder) Score(texts [][]int32) ([][]float32, error) {
	if d.logits == nil || d.cache.Rows() != 1 {
		return nil, errors.New("language: what is scored must continue one text that was read")
	}
	first := slices.Clone(d.logits.Data())
	sum := logSum(first)
	scores := make([][]float32, len(texts))
	for i, ids := range texts {
		if len(ids) == 0 {
			return nil, fmt.Errorf("language: text %d has no tokens", i)
		}
		if err := CheckIDs(ids, len(first)); err != nil {
			return nil, err
		}
		if err := d.fits(len(ids)); err != nil {
			return nil, err
		}
		scores[i] = append(scores[i], first[ids[0]]-sum)
		if len(ids) > 1 {
			scores[i] = append(scores[i], d.behind(ids)...)
		}
		if err := generate.Finite(scores[i]...); err != nil {
			return nil, err
		}
	}
	d.logits = tensor.FromFloats(first, 1, len(first))
	return scores, nil
}

// behind is the log-probability of each token but the first, given those before it.
func (d *Decoder) behind(ids []int32) []float32 {
	d.run.Reset()
	n, length := len(ids)-1, d.cache.Len()
	if d.Onward != nil {
		d.Onward(n)
	}
	h := d.Model.Forward(d.run, Input{Embeds: d.Model.Embed(d.run, ids[:n], 1, n), Cache: d.cache, Source: d.reading, Hook: d.Hook})
	logits := d.Model.Logits(d.run, h).Data()
	d.cache.Truncate(length)
	vocab := len(logits) / n
	scores := make([]float32, n)
	for i := range scores {
		row := logits[i*vocab : (i+1)*vocab]
		scores[i] = row[ids[i+1]] - logSum(row)
	}
	return scores
}

// logSum is log Σ exp of logits.
func logSum(logits []float32) float32 { return kernel.Default().Softmax(slices.Clone(logits)) }
