package kernel

import "unsafe"

// Rows in eights. A quantised matrix that is converted when it is loaded, and so has memory of its own, may be laid out for
// decoding: the blocks of eight rows that stand at the same columns lie together, first their eight scales, then the first bytes of each
// row's block, the next bytes of each, and so on, as many at a time as one lane of eight takes: four of Q4_0, two of Q8_0, whose
// bytes become words. A kernel then has a row in each lane, and what is to be done once a block is done for eight rows at once. It takes as
// many bytes as before, and the same bytes.
//
// Only products of few rows read it so; for all else the rows are put back into order, a part of the matrix at a time.

const (
	eight      = 8
	eightsPart = 4 << 20 // bytes of a matrix that are put into order at a time
)

// InEights lays out a matrix in eights, in its own memory, where this engine's kernels read that faster and the shape allows it. The
// memory must be the caller's to write.
func (e *Engine) InEights(w Workers, m *Mat) {
	d := m.DType
	if e.eightRows()[d] == nil || m.Eights || m.Rows%eight != 0 || m.Stride != d.RowBytes(m.Cols) {
		return
	}
	m.layInEights(w)
}

func (m *Mat) layInEights(w Workers) {
	group := eight * m.Stride
	w.Do(m.Rows/eight, func(task, _ int) {
		s := borrow()
		defer giveBack(s)
		plain := s.bytes(group)
		copy(plain, m.Data[task*group:])
		swapEights(m.DType, m.Data[task*group:(task+1)*group], plain, 0, eight, true)
	})
	m.Eights = true
}

// swapEights copies rows from … until of a group of eight, whose blocks follow one another in plain, into eights, or out of it.
func swapEights(d DType, eights, plain []byte, from, until int, into bool) {
	size := d.BlockBytes()
	blocks := len(eights) / (eight * size)
	for r := from; r < until; r++ {
		for b := range blocks {
			e := unsafe.Pointer(&eights[b*eight*size])
			p := unsafe.Pointer(&plain[((r-from)*blocks+b)*size])
			swapParts[uint16](unsafe.Add(e, 2*r), p, 1, into)
			if d == Q8_0 {
				swapParts[uint16](unsafe.Add(e, 2*eight+2*r), unsafe.Add(p, 2), 16, into)
			} else {
				swapParts[uint32](unsafe.Add(e, 2*eight+4*r), unsafe.Add(p, 2), 4, into)
			}
		}
	}
}

// swapParts copies n parts of a row's block: every eighth in eights, one after another where they lie in order.
func swapParts[part uint16 | uint32](eights, plain unsafe.Pointer, n int, into bool) {
	size := int(unsafe.Sizeof(part(0)))
	for i := range n {
		if e, p := (*part)(unsafe.Add(eights, i*eight*size)), (*part)(unsafe.Add(plain, i*size)); into {
			*e = *p
		} else {
			*p = *e
		}
	}
}

// plainRows puts rows of a matrix in eights into order, in room.
func (m *Mat) plainRows(room []byte, from, until int) {
	group := eight * m.Stride
	for r := from; r < until; {
		first := r / eight * eight
		end := min(first+eight, until)
		swapEights(m.DType, m.Data[first*m.Stride:][:group], room[(r-from)*m.Stride:], r-first, end-first, false)
		r = end
	}
}

// Values widens row i to float32.
func (m Mat) Values(dst []float32, i int) {
	if !m.Eights {
		Decode(m.DType, dst, m.Row(i))
		return
	}
	s := borrow()
	defer giveBack(s)
	room := s.bytes(m.Stride)
	m.plainRows(room, i, i+1)
	Decode(m.DType, dst, room)
}

// inOrder computes a product whose weights lie in eights by putting them into order first: as much of them at a time as is little
// memory, or all where it is their rows that are contracted.
func (e *Engine) inOrder(w Workers, g *Gemm) {
	s := borrow()
	defer giveBack(s)
	b := &g.B
	some := max(eight, eightsPart/max(1, b.Stride)/eight*eight)
	if b.Trans {
		some = b.Rows
	}
	for from := 0; from < b.Rows; from += some {
		n := min(some, b.Rows-from)
		room := s.bytes(n * b.Stride)
		w.Do(n/eight, func(task, _ int) {
			first := from + task*eight
			group, ordered := b.Data[first*b.Stride:][:eight*b.Stride], room[task*eight*b.Stride:]
			if !e.orderGroup(b.DType, ordered, b.Stride, group) {
				swapEights(b.DType, group, ordered, 0, eight, false)
			}
		})
		part := *g
		part.B.Mat = MatOf(b.DType, n, b.Cols, room)
		if !b.Trans {
			part.N, part.C = n, g.C[from:]
			if g.Bias != nil {
				part.Bias = g.Bias[from : from+n]
			}
		}
		e.Gemm(w, &part)
	}
}
