package generate

import "slices"

// heap hands out candidates, the likeliest first and of equals the highest id, for the cost of those that are asked for.
type heap struct {
	all  []candidate
	left []candidate // the beginning of all: a heap; what was popped stands behind it, the last popped first
}

func newHeap(all []candidate) *heap {
	h := &heap{all: all, left: all}
	for i := len(all)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
	return h
}

func before(a, b candidate) bool { return a.score > b.score || a.score == b.score && a.id > b.id }

// down brings the candidate at i to its place below.
func (h *heap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.left) {
			return
		}
		if child+1 < len(h.left) && before(h.left[child+1], h.left[child]) {
			child++
		}
		if !before(h.left[child], h.left[i]) {
			return
		}
		h.left[i], h.left[child] = h.left[child], h.left[i]
		i = child
	}
}

// next is what pop would take.
func (h *heap) next() candidate { return h.left[0] }

func (h *heap) pop() candidate {
	c, last := h.left[0], len(h.left)-1
	h.left[0], h.left[last] = h.left[last], c
	h.left = h.left[:last]
	h.down(0)
	return c
}

// popped is the n-th that was taken.
func (h *heap) popped(n int) candidate { return h.all[len(h.all)-1-n] }

// taken are all that were popped, in order. The heap is over.
func (h *heap) taken() []candidate {
	t := h.all[len(h.left):]
	slices.Reverse(t)
	return t
}
