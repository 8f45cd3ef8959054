package kernel

import "sync"

// scratch is memory that a task uses while it runs. The list keeps as many as ever were in use at the same time, so that
// nothing is allocated after warm-up.
type scratch struct {
	floats []float32
}

var spare struct {
	sync.Mutex
	list []*scratch
}

// borrow takes scratch memory from the list; giveBack returns it.
func borrow() *scratch {
	spare.Lock()
	defer spare.Unlock()
	if n := len(spare.list); n > 0 {
		s := spare.list[n-1]
		spare.list = spare.list[:n-1]
		return s
	}
	return new(scratch)
}

func giveBack(s *scratch) {
	spare.Lock()
	spare.list = append(spare.list, s)
	spare.Unlock()
}

// take is n floats of the scratch memory, whose values are not set.
func (s *scratch) take(n int) []float32 {
	if cap(s.floats) < n {
		s.floats = make([]float32, n+n/4)
	}
	return s.floats[:n]
}

// bytes is n bytes of the scratch memory, which are not set.
func (s *scratch) bytes(n int) []byte { return Bytes(s.take(ceilDiv(n, 4)))[:n] }
