package tensor

import "fmt"

// gatherOp takes rows (or entries of the first axis) by index; it keeps the indices.
type gatherOp struct {
	x, y  *Tensor
	index []int32
	still int32 // the entry that gets no gradient; −1: each gets its own
}

// Embedding looks up rows of w [rows, d] (any stored type): the result has shape [shape..., d], Count(shape) = len(ids).
// The ids must stay as they are until the backward pass is over.
func (r *Run) Embedding(w *Tensor, ids []int32, shape ...int) *Tensor {
	return r.EmbeddingPadded(w, -1, ids, shape...)
}

// EmbeddingPadded is Embedding, and the row of pad gets no gradient from it, as with torch's padding_idx; −1: there is no such row.
func (r *Run) EmbeddingPadded(w *Tensor, pad int32, ids []int32, shape ...int) *Tensor {
	d := w.Dim(-1)
	if Count(shape) != len(ids) {
		panic(fmt.Sprintf("tensor: %d ids do not make a shape of %v", len(ids), shape))
	}
	full := r.ints.take(len(shape) + 1)
	copy(full, shape)
	full[len(shape)] = d
	return r.take(w, ids, pad, d, full)
}

// Gather takes entries of axis 0: result[i] = x[index[i]]; gradients of entries taken twice are summed. The index must stay
// as it is until the backward pass is over.
func (r *Run) Gather(x *Tensor, index []int32) *Tensor {
	shape := r.ints.take(len(x.shape))
	copy(shape, x.shape)
	shape[0] = len(index)
	return r.take(x, index, -1, Count(x.shape[1:]), shape)
}

func (r *Run) take(x *Tensor, index []int32, still int32, size int, shape []int) *Tensor {
	y := r.New(shape...)
	n := x.Len() / max(1, size)
	for i, k := range index {
		if k < 0 || int(k) >= n {
			panic(fmt.Sprintf("tensor: entry %d of %v", k, x.shape))
		}
		dst := y.data[i*size : (i+1)*size]
		if x.data != nil {
			copy(dst, x.data[int(k)*size:])
		} else {
			x.mat.Values(dst, int(k))
		}
	}
	if r.wants(x) {
		o := op[gatherOp](r)
		o.x, o.y, o.index, o.still = x, y, index, still
		r.record(o)
	}
	return y
}

func (o *gatherOp) result() *Tensor { return o.y }

// backward adds row by row, in order, because an entry may have been taken twice.
func (o *gatherOp) backward(r *Run, dy []float32) {
	dx := r.addGrad(o.x)
	size := len(dy) / max(1, len(o.index))
	for i, k := range o.index {
		if k == o.still {
			continue
		}
		to := dx[int(k)*size:][:size]
		r.eng.Add(to, to, dy[i*size:(i+1)*size])
	}
}
