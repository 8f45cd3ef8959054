package weights

import "unsafe"

// gather copies the elements of a strided view into row-major order. That the view stays within its storage was checked when it was read.
func (e entry) gather() Tensor {
	t := e.Tensor
	width := t.Type.BlockBytes()
	t.Data = make([]byte, t.Len()*width)
	shape, strides := joined(t.Shape, e.strides)
	last := len(shape) - 2
	plane := strided{rows: shape[last], cols: shape[last+1], down: strides[last] * width, across: strides[last+1] * width, width: width}
	to, index := 0, make([]int, last)
	for at := 0; ; to += plane.rows * plane.cols * width {
		plane.gather(t.Data[to:], e.Data[at*width:])
		axis := last - 1
		for ; axis >= 0; axis-- { // the next index of the axes before the plane's
			at += strides[axis]
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			at -= shape[axis] * strides[axis]
			index[axis] = 0
		}
		if axis < 0 {
			return t
		}
	}
}

// joined are the axes of a view without those of one element, and with those as one that lie like one; two at least.
func joined(shape, strides []int) (s, by []int) {
	s, by = []int{1, 1}, []int{0, 0}
	for i, n := range shape {
		end := len(s) - 1
		switch {
		case n == 1:
		case s[end] > 1 && by[end] == n*strides[i]:
			s[end] *= n
			by[end] = strides[i]
		default:
			s, by = append(s, n), append(by, strides[i])
		}
	}
	return s[len(s)-max(2, len(s)-2):], by[len(by)-max(2, len(by)-2):]
}

// strided is a plane of elements of width bytes that lie down and across bytes from one another.
type strided struct{ rows, cols, down, across, width int }

// gather copies the plane, whose first element src begins with, row by row.
func (p strided) gather(dst, src []byte) {
	switch {
	case p.across == p.width:
		n := p.cols * p.width
		for r := range p.rows {
			copy(dst[r*n:(r+1)*n], src[r*p.down:])
		}
	case p.width == 2:
		gather[uint16](p, dst, src)
	case p.width == 4:
		gather[uint32](p, dst, src)
	default:
		for i := range p.rows * p.cols {
			at := i/p.cols*p.down + i%p.cols*p.across
			copy(dst[i*p.width:(i+1)*p.width], src[at:])
		}
	}
}

// gather copies a plane a few columns at a time, so that a line of memory which rows share is still in the cache for each of them.
func gather[element uint16 | uint32](p strided, dst, src []byte) {
	const some = 32
	_, _ = dst[p.rows*p.cols*p.width-1], src[(p.rows-1)*p.down+(p.cols-1)*p.across+p.width-1]
	to, from := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
	for c := 0; c < p.cols; c += some {
		n := min(some, p.cols-c)
		for r := range p.rows {
			out, in := unsafe.Add(to, (r*p.cols+c)*p.width), unsafe.Add(from, r*p.down+c*p.across)
			for i := range n {
				*(*element)(unsafe.Add(out, i*p.width)) = *(*element)(unsafe.Add(in, i*p.across))
			}
		}
	}
}
