package tensor

import "math"

// Sizes of the arena's chunks, in float32 values: the first is small, each further one doubles what there is.
const (
	minChunk  = 1 << 18
	maxChunk  = 1 << 24
	alignment = 16 // float32 values of a cache line
)

// arena hands out memory for one pass and takes all of it back at once. Chunks are never given up, so that a pass of the
// same shape as the one before allocates nothing. Inside a pass, memory comes back in two ways: rewind forgets everything
// since a mark (temporaries and forward passes that keep nothing), free puts a block on the list of its size (the
// backward pass, where gradients of equal sizes come and go).
type arena struct {
	chunks [][]float32
	cur    int // the chunk that is being filled
	off    int // how much of it is
	lists  map[int][][]float32
	listed int // blocks on all lists
	poison bool
}

// mark is a state of an arena to go back to.
type mark struct{ cur, off int }

// alloc returns n values that are not set, aligned to 64 bytes.
func (a *arena) alloc(n int) []float32 {
	size := (n + alignment - 1) &^ (alignment - 1)
	if size == 0 {
		return nil
	}
	if a.listed > 0 {
		if l := a.lists[size]; len(l) > 0 {
			x := l[len(l)-1]
			a.lists[size] = l[:len(l)-1]
			a.listed--
			return x[:n:size]
		}
	}
	for a.cur < len(a.chunks) {
		if c := a.chunks[a.cur]; a.off+size <= len(c) {
			x := c[a.off : a.off+n : a.off+size]
			a.off += size
			return x
		}
		if a.cur == len(a.chunks)-1 {
			break
		}
		a.cur, a.off = a.cur+1, 0
	}
	total := 0
	for _, c := range a.chunks {
		total += len(c)
	}
	a.chunks = append(a.chunks, make([]float32, max(size, min(max(total, minChunk), maxChunk))))
	a.cur, a.off = len(a.chunks)-1, size
	a.fill(a.chunks[a.cur])
	return a.chunks[a.cur][:n:size]
}

// free gives a block back before the pass is over. Its owner must not use it again.
func (a *arena) free(x []float32) {
	if cap(x) == 0 {
		return
	}
	x = x[:cap(x)]
	a.fill(x)
	if a.lists == nil {
		a.lists = map[int][][]float32{}
	}
	a.lists[len(x)] = append(a.lists[len(x)], x)
	a.listed++
}

func (a *arena) mark() mark { return mark{a.cur, a.off} }

// rewind forgets everything that was handed out since the mark. Nothing may have been freed in between.
func (a *arena) rewind(m mark) {
	if a.poison && len(a.chunks) > 0 {
		for i := m.cur; i <= a.cur; i++ {
			from, to := 0, len(a.chunks[i])
			if i == m.cur {
				from = m.off
			}
			if i == a.cur {
				to = a.off
			}
			a.fill(a.chunks[i][min(from, to):to])
		}
	}
	a.cur, a.off = m.cur, m.off
}

// reset takes everything back.
func (a *arena) reset() {
	a.rewind(mark{})
	if a.listed > 0 {
		for size, l := range a.lists {
			a.lists[size] = l[:0]
		}
		a.listed = 0
	}
}

// fill overwrites memory that nobody owns with NaN, in tests, so that a use before or after its time shows.
func (a *arena) fill(x []float32) {
	if a.poison {
		nan := float32(math.NaN())
		for i := range x {
			x[i] = nan
		}
	}
}

// slab hands out zeroed values of one type for a pass and keeps their memory.
type slab[T any] struct {
	blocks [][]T
	used   int
}

const slabBlock = 64

func (s *slab[T]) take() *T {
	b := s.used / slabBlock
	if b == len(s.blocks) {
		s.blocks = append(s.blocks, make([]T, slabBlock))
	}
	x := &s.blocks[b][s.used%slabBlock]
	s.used++
	var zero T
	*x = zero
	return x
}

func (s *slab[T]) reset() { s.used = 0 }

// list hands out short slices for a pass and keeps their memory.
type list[T any] struct {
	blocks [][]T
	cur    int
	off    int
}

const listBlock = 1024

func (l *list[T]) take(n int) []T {
	for ; l.cur < len(l.blocks); l.cur, l.off = l.cur+1, 0 {
		if b := l.blocks[l.cur]; l.off+n <= len(b) {
			x := b[l.off : l.off+n : l.off+n]
			l.off += n
			clear(x)
			return x
		}
	}
	l.blocks = append(l.blocks, make([]T, max(n, listBlock)))
	l.cur, l.off = len(l.blocks)-1, n
	return l.blocks[l.cur][:n:n]
}

func (l *list[T]) reset() { l.cur, l.off = 0, 0 }
