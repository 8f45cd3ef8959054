package language

import (
	"bytes"
	"fmt"

	"dragoman/kernel"
	"dragoman/tensor"
)

// Cache holds the keys and values of what a model has read, for a batch of rows. Each row begins at its slot's beginning and is as long as it
// is, whatever the others' lengths, so that what it attends to does not hang on them. Rows stand in slots, so that a beam that is
// continued once moves without a copy. Keys are stored as bf16, or f32 where the run computes in it.
type Cache struct {
	dtype    kernel.DType
	width    int // of a row of keys
	layers   []cacheLayer
	index    []int32 // the slot of each row
	slots    int
	capacity int // positions a slot has room for
	length   int // the longest row's
	pending  int // positions that the pass under way adds to each

	next    []int32 // how long each row is, which is where its next token goes
	adds    []int32 // how many of the pending positions are tokens, for each row
	keep    []int32 // the positions of the pass under way
	keyMask []uint8 // [rows, keys]: which of them are tokens; nil while all rows are as long
	masked  []uint8 // the memory of keyMask
	spare   []int32
}

type cacheLayer struct {
	k, v   []byte
	kt, vt *tensor.Tensor // [slots, capacity, width] over them
}

// NewCache makes an empty cache for rows rows of a model under a run's options.
func NewCache(c Config, rows int, compute kernel.DType) *Cache {
	cache := &Cache{dtype: kernel.BF16, width: c.KVHeads * c.HeadDim, layers: make([]cacheLayer, c.Layers), slots: rows}
	if compute == kernel.F32 {
		cache.dtype = kernel.F32
	}
	cache.next = make([]int32, rows)
	for b := range rows {
		cache.index = append(cache.index, int32(b))
	}
	return cache
}

// Rows is how many rows there are.
func (c *Cache) Rows() int { return len(c.index) }

// Len is how many positions the longest row fills.
func (c *Cache) Len() int { return c.length }

// even says whether all rows are as long.
func (c *Cache) even() bool {
	for _, n := range c.next {
		if n != int32(c.length) {
			return false
		}
	}
	return true
}

// Begin makes room for length more positions of every row, of which mask (nil: all) says which are tokens, those of a row before its padding,
// and returns those tokens' positions. Every layer must then Extend once, and End closes the pass. Behind rows of different lengths there is
// room for one token each.
func (c *Cache) Begin(mask []uint8, length int) []int32 {
	rows := len(c.index)
	if mask != nil && len(mask) != rows*length {
		panic(fmt.Sprintf("language: a mask of %d for %d rows of %d", len(mask), rows, length))
	}
	if length > 1 && !c.even() {
		panic(fmt.Sprintf("language: %d tokens each behind rows of different lengths", length))
	}
	c.reserve(c.length + length)
	c.keep = Positions(c.keep, mask, c.next, rows, length)
	c.pending = length
	c.adds = c.adds[:0]
	for b := range rows {
		c.adds = append(c.adds, tokens(mask, b, length))
	}
	c.hide()
	return c.keep
}

// tokens is how many of a row's positions are tokens, all of which must stand before its padding.
func tokens(mask []uint8, row, length int) int32 {
	if mask == nil {
		return int32(length)
	}
	mask = mask[row*length:][:length]
	n := bytes.IndexByte(mask, 0)
	if n < 0 {
		return int32(length)
	}
	for _, m := range mask[n:] {
		if m != 0 {
			panic(fmt.Sprintf("language: row %d has padding before its tokens", row))
		}
	}
	return int32(n)
}

// hide makes the mask of the keys that there are, those of the pass under way among them. Rows that were as long before it need none, for
// what each token sees is before it; what an encoder reads sees all, and has a mask of its own.
func (c *Cache) hide() {
	c.keyMask = nil
	if c.even() {
		return
	}
	keys := c.length + c.pending
	c.masked = c.masked[:0]
	for _, n := range c.next {
		for t := range keys {
			m := uint8(0)
			if t < int(n)+c.pending {
				m = 1
			}
			c.masked = append(c.masked, m)
		}
	}
	c.keyMask = c.masked
}

// Extend stores a layer's keys and values [rows, pending, width] of the pass under way and returns all there are of it, as
// attention reads them: under a causal mask whose offset is Len.
func (c *Cache) Extend(layer int, k, v *tensor.Tensor) (kv tensor.KV, keyMask []uint8) {
	l := &c.layers[layer]
	size := c.dtype.RowBytes(c.width)
	n := c.pending * c.width
	for b, slot := range c.index {
		at := (int(slot)*c.capacity + int(c.next[b])) * size
		kernel.Encode(c.dtype, l.k[at:][:c.pending*size], k.Data()[b*n:(b+1)*n])
		kernel.Encode(c.dtype, l.v[at:][:c.pending*size], v.Data()[b*n:(b+1)*n])
	}
	return c.Layer(layer)
}

// End closes a pass that Begin opened.
func (c *Cache) End() {
	for b, n := range c.adds {
		c.next[b] += n
	}
	c.pending = 0
	c.measure()
}

// measure finds the longest row.
func (c *Cache) measure() {
	c.length = 0
	for _, n := range c.next {
		c.length = max(c.length, int(n))
	}
	c.hide()
}

// Select makes row i what row parents[i] was. A row may be taken several times, or not at all.
func (c *Cache) Select(parents []int) {
	taken := make([]bool, c.slots)
	c.spare = c.spare[:0]
	next := make([]int32, 0, len(parents))
	for _, p := range parents {
		slot := c.index[p]
		if taken[slot] {
			slot = -1
		} else {
			taken[slot] = true
		}
		c.spare = append(c.spare, slot)
		next = append(next, c.next[p])
	}
	free := 0
	for i, p := range parents {
		if c.spare[i] >= 0 {
			continue
		}
		for free < c.slots && taken[free] {
			free++
		}
		if free == c.slots {
			c.resize(c.slots+len(parents)-i, c.capacity)
			taken = append(taken, make([]bool, c.slots-len(taken))...)
		}
		taken[free] = true
		c.copySlot(free, int(c.index[p]))
		c.spare[i] = int32(free)
	}
	c.index, c.spare = c.spare, c.index
	c.next = next
	c.measure()
}

// Share is Select for a cache that nothing is added to any more: rows share what they were.
func (c *Cache) Share(parents []int) {
	c.spare = c.spare[:0]
	next := make([]int32, 0, len(parents))
	for _, p := range parents {
		c.spare, next = append(c.spare, c.index[p]), append(next, c.next[p])
	}
	c.index, c.spare, c.next = c.spare, c.index, next
	c.measure()
}

// Layer is all there is of a layer, as attention reads it.
func (c *Cache) Layer(layer int) (kv tensor.KV, keyMask []uint8) {
	l := &c.layers[layer]
	return tensor.KV{K: l.kt, V: l.vt, Index: c.index, Len: c.length + c.pending}, c.keyMask
}

// copySlot copies what is filled of a slot.
func (c *Cache) copySlot(to, from int) {
	size := c.dtype.RowBytes(c.width)
	for i := range c.layers {
		l := &c.layers[i]
		copy(l.k[to*c.capacity*size:][:c.length*size], l.k[from*c.capacity*size:])
		copy(l.v[to*c.capacity*size:][:c.length*size], l.v[from*c.capacity*size:])
	}
}

// only leaves a row by itself, until all brings back the others.
func (c *Cache) only(row int) (all func()) {
	index, next := c.index, c.next
	c.index, c.next = index[row:row+1:row+1], next[row:row+1:row+1]
	c.measure()
	return func() {
		c.index, c.next = index, next
		c.measure()
	}
}

// Clear forgets everything and keeps the memory: there is a row for each slot.
func (c *Cache) Clear() {
	c.length, c.pending, c.keyMask = 0, 0, nil
	c.index, c.next = c.index[:0], c.next[:0]
	for b := range c.slots {
		c.index, c.next = append(c.index, int32(b)), append(c.next, 0)
	}
}

// Truncate forgets all but the first length positions, of rows that are as long.
func (c *Cache) Truncate(length int) {
	if length < 0 || length > c.length || !c.even() {
		panic(fmt.Sprintf("language: a cache of %d positions cut to %d", c.length, length))
	}
	c.length = length
	for b := range c.next {
		c.next[b] = int32(length)
	}
}

// reserve makes room for n positions.
func (c *Cache) reserve(n int) {
	if n <= c.capacity {
		return
	}
	c.resize(c.slots, max((n+63)/64*64, c.capacity*3/2))
}

// resize gives the cache another number of slots and positions and keeps what is filled.
func (c *Cache) resize(slots, capacity int) {
	size := c.dtype.RowBytes(c.width)
	old, oldCapacity, oldSlots := c.layers, c.capacity, c.slots
	c.layers = make([]cacheLayer, len(old))
	c.capacity, c.slots = capacity, slots
	for i := range c.layers {
		l := &c.layers[i]
		l.k, l.v = make([]byte, slots*capacity*size), make([]byte, slots*capacity*size)
		for s := range oldSlots {
			copy(l.k[s*capacity*size:], old[i].k[s*oldCapacity*size:][:oldCapacity*size])
			copy(l.v[s*capacity*size:], old[i].v[s*oldCapacity*size:][:oldCapacity*size])
		}
		l.kt = tensor.NewWeight("cache", kernel.MatOf(c.dtype, slots*capacity, c.width, l.k), slots, capacity, c.width)
		l.vt = tensor.NewWeight("cache", kernel.MatOf(c.dtype, slots*capacity, c.width, l.v), slots, capacity, c.width)
	}
}
