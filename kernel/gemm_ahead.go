package kernel

import "unsafe"

// ahead is memory that a micro-kernel asks for while it multiplies, because it will be wanted soon: the multipliers are so
// fast that waiting for C, the next weights or the next panel would take longer than the work.
type ahead [3]stream

// The streams of an ahead.
const (
	aheadC = iota // where the sums of this panel are going
	aheadR        // what this worker's next task reads of R, where R is read as it lies
	aheadV        // the next panel of V, or what it will be packed from
)

// stream walks down a column of rows, 128 bytes wide, stride bytes apart; then down the next column.
type stream struct {
	at, stride, end, top uintptr
	columns              int
}

// stop makes a stream ask for nothing new.
func (s *stream) stop() {
	*s = stream{at: uintptr(unsafe.Pointer(s)), end: ^uintptr(0)}
}

// walk sets a stream to rows of so many bytes that begin at p.
func (s *stream) walk(p unsafe.Pointer, stride, rows, bytes int) {
	at := uintptr(p)
	*s = stream{at: at, stride: uintptr(stride), end: at + uintptr(rows*stride), top: at, columns: (bytes + 127) / 128}
}

// run sets a stream to bytes that lie one after another from p.
func (s *stream) run(p unsafe.Pointer, bytes int) { s.walk(p, 128, (bytes+127)/128, 128) }

// aheadMost is how many bytes of the next task are worth asking for: more would push this task's own out of the cache.
const aheadMost = 1 << 20

// aheadOfTask sets the stream of R: workers take tasks in turn, so this one's next is likely to be so many blocks on.
func (p *product) aheadOfTask(s *workerScratch, r0, rows, workers int) {
	r := r0 + workers*p.rBlock
	bytes := min(rows, p.rn-r-1) * p.r.Stride
	if p.rPacks > 0 || p.r.Trans || p.vBlocks > 1 || bytes <= 0 || bytes > aheadMost {
		s.ahead[aheadR].stop()
		return
	}
	s.ahead[aheadR].run(unsafe.Pointer(&p.r.Data[r*p.r.Stride]), bytes)
}

// aheadOfPanel sets the other streams, before panel n of V is multiplied.
func (p *product) aheadOfPanel(s *workerScratch, r0, rows, n, end, chunk int) {
	c, v := &s.ahead[aheadC], &s.ahead[aheadV]
	switch cols := min(panel, p.vn-n*panel); {
	case chunk < p.chunks-1 || p.streamed:
		c.stop()
	case p.swapped:
		c.walk(unsafe.Pointer(&p.C[n*panel*p.LDC+r0]), 4*p.LDC, cols, 4*rows)
	default:
		c.walk(unsafe.Pointer(&p.C[r0*p.LDC+n*panel]), 4*p.LDC, rows, 4*cols)
	}
	from, units := p.span(chunk)
	switch next := n + 1; {
	case next >= end:
		v.stop()
	case p.vPacks > 0:
		v.run(unsafe.Pointer(&p.vAhead[next*p.vStride+from*p.kit.vLanes*panel]), units*p.kit.vLanes*panel*4)
	case p.v.Trans:
		v.walk(unsafe.Pointer(&p.v.Data[from*p.kit.unit*p.v.Stride+p.v.DType.RowBytes(next*panel)]), p.v.Stride,
			min(units*p.kit.unit, p.K-from*p.kit.unit), p.v.DType.RowBytes(panel))
	default:
		v.walk(unsafe.Pointer(&p.v.Data[next*panel*p.v.Stride+p.v.DType.RowBytes(from*p.kit.unit)]), p.v.Stride,
			min(panel, p.vn-next*panel), p.v.DType.RowBytes(units*p.kit.unit))
	}
}
