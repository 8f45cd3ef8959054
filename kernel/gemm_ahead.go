package kernel

import "unsafe"

// ahead is memory that a micro-kernel asks for while it multiplies, because it will be wanted soon: the multipliers are so
// fast that waiting for C, the next weights or the next panel would take longer than the work.
type ahead [3]stream

// The streams of an ahead. Vectors ask for C and V, tiles for R and V.
const (
	aheadC = iota // where the sums of this panel are going
	aheadR        // what this worker reads of R next, where R is read as it lies
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

// aheadMost is how many bytes of R are worth asking for: more would push what is being read out of the cache.
const aheadMost = 1 << 20

// aheadOfChunk sets the stream of R, where a single task reads it: to the same rows' next chunk, or behind the last to the first chunk of
// this worker's next task. Workers take tasks in turn, so that is likely to be so many blocks on.
func (p *product) aheadOfChunk(s *workerScratch, r0, rows, chunk, workers int) {
	next := chunk + 1
	if next == p.chunks {
		r0, next = r0+workers*p.rBlock, 0
	}
	from, units := p.span(next)
	rows = min(rows, p.rn-r0)
	bytes := p.r.DType.RowBytes(min(units*p.kit.unit, p.K-from*p.kit.unit))
	if p.rPacks > 0 || p.r.Trans || p.vBlocks > 1 || rows <= 0 || rows*bytes > aheadMost {
		s.ahead[aheadR].stop()
		return
	}
	at := unsafe.Pointer(&p.r.Data[r0*p.r.Stride+p.r.DType.RowBytes(from*p.kit.unit)])
	if bytes == p.r.Stride {
		s.ahead[aheadR].run(at, rows*bytes) // in the order in which the processor looks ahead by itself
		return
	}
	s.ahead[aheadR].walk(at, p.r.Stride, rows, bytes)
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
