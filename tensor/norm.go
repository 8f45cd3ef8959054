package tensor

import "fmt"

// layerNormOp is y = (x−mean)/√(var+eps)·w + b over the last axis, where x may be the sum of two tensors, the first of them
// under dropout. It keeps x (or the sum), and mean and 1/√(var+eps) of each row.
type layerNormOp struct {
	x, residual, w, b, y *Tensor
	sum                  []float32 // x, or x + residual
	stats                []float32 // mean and 1/√(var+eps), row by row
	eps                  float32
	draw                 draw // of dropout, if draw.keep is not 0
}

// LayerNorm normalises the last axis: w, b [d]; b may be nil.
func (r *Run) LayerNorm(x, w, b *Tensor, eps float32) *Tensor {
	return r.AddLayerNorm(x, nil, w, b, eps)
}

// AddLayerNorm is LayerNorm(x + residual), fused (BERT's post-norm).
func (r *Run) AddLayerNorm(x, residual, w, b *Tensor, eps float32) *Tensor {
	return r.DropoutAddLayerNorm(x, 0, residual, w, b, eps)
}

// DropoutAddLayerNorm is AddLayerNorm(Dropout(x, p), residual), the same to the byte, keeping less.
func (r *Run) DropoutAddLayerNorm(x *Tensor, p float32, residual, w, b *Tensor, eps float32) *Tensor {
	if residual == nil {
		x, p = r.Dropout(x, p), 0
	}
	d := x.Dim(-1)
	if w.Len() != d || b != nil && b.Len() != d || residual != nil && residual.Len() != x.Len() {
		panic(fmt.Sprintf("tensor: layer norm of %v (+ %v) with %v and %v", x.shape, shapeOf(residual), w.shape, shapeOf(b)))
	}
	o := op[layerNormOp](r)
	o.x, o.residual, o.w, o.b, o.y, o.eps = x, residual, w, b, r.like(x), eps
	if r.opt.Train && p > 0 {
		o.draw = r.nextDraw(p)
	}
	record := r.wants(x, residual, w, b)
	if record {
		o.stats = r.arena.alloc(2 * x.Rows())
		o.sum = x.data
		if residual != nil {
			o.sum = r.arena.alloc(x.Len())
		}
	}
	r.each(x.Rows(), 4*d, o)
	if record {
		r.record(o)
	}
	return o.y
}

func (o *layerNormOp) span(r *Run, worker, from, to int) {
	d := o.x.Dim(-1)
	kept := r.scratch(worker, d)
	w, b := o.w.floats(), o.b.floats()
	for i := from; i < to; i++ {
		x, y := o.x.data[i*d:(i+1)*d], o.y.data[i*d:(i+1)*d]
		if o.residual != nil {
			sum := y
			if o.sum != nil {
				sum = o.sum[i*d : (i+1)*d]
			}
			if o.draw.keep != 0 {
				o.draw.fill(kept, uint64(i*d))
				r.eng.Mul(kept, kept, x)
				x = kept
			}
			r.eng.Add(sum, x, o.residual.data[i*d:(i+1)*d])
			x = sum
		}
		mean, rstd := r.eng.LayerNorm(y, x, w, b, o.eps)
		if o.stats != nil {
			o.stats[2*i], o.stats[2*i+1] = mean, rstd
		}
	}
}

func (o *layerNormOp) result() *Tensor { return o.y }

// normParts is how many stretches of rows the gradients of a norm's weights are summed in, before the stretches are: a
// number that does not depend on the workers'.
const normParts = 32

func (o *layerNormOp) backward(r *Run, dy []float32) {
	d, rows := o.x.Dim(-1), o.x.Rows()
	b := op[layerNormBackward](r)
	b.o, b.dy, b.w = o, dy, o.w.floats()
	b.dx, b.dxFresh = r.grad(o.x)
	if o.residual != nil {
		if o.residual.root() == o.x.root() && b.dxFresh {
			clear(b.dx)
			b.dxFresh = false
		}
		b.dres, b.dresFresh = r.grad(o.residual)
	}
	dw, db := r.addGrad(o.w), r.addGrad(o.b)
	b.size = (rows + normParts - 1) / normParts
	parts := (rows + b.size - 1) / b.size
	if dw != nil || db != nil {
		b.parts = r.arena.alloc(parts * 2 * d)
		clear(b.parts)
	}
	r.each(parts, b.size*d*8, b)
	if b.parts != nil {
		for p := range parts {
			part := b.parts[p*2*d : (p+1)*2*d]
			if dw != nil {
				r.eng.Add(dw, dw, part[:d])
			}
			if db != nil {
				r.eng.Add(db, db, part[d:])
			}
		}
		r.arena.free(b.parts)
	}
	r.arena.free(o.stats)
	if o.residual != nil {
		r.arena.free(o.sum)
	}
}

type layerNormBackward struct {
	o                  *layerNormOp
	dy, w, dx, dres    []float32
	dxFresh, dresFresh bool
	parts              []float32 // for each stretch of rows the sums of dw and db
	size               int       // rows of a stretch
}

func (b *layerNormBackward) span(r *Run, worker, from, to int) {
	o := b.o
	d := o.x.Dim(-1)
	buffer := r.scratch(worker, 2*d)
	both, kept := buffer[:d], buffer[d:]
	for i := from * b.size; i < min(to*b.size, o.x.Rows()); i++ {
		var dw, db []float32
		if b.parts != nil {
			part := b.parts[i/b.size*2*d:][:2*d]
			dw, db = part[:d], part[d:]
		}
		dx, fresh := rowOf(b.dx, i, d), b.dxFresh
		shared := b.dres != nil && (b.dx != nil || o.draw.keep != 0) || b.dx != nil && o.draw.keep != 0
		if shared {
			dx, fresh = both, true
		} else if b.dres != nil {
			dx, fresh = rowOf(b.dres, i, d), b.dresFresh
		}
		if fresh {
			clear(dx)
		}
		r.eng.LayerNormBackward(dx, b.dy[i*d:(i+1)*d], o.sum[i*d:(i+1)*d], b.w, dw, db, o.stats[2*i], o.stats[2*i+1])
		if !shared {
			continue
		}
		if b.dres != nil {
			store(r, b.dres, both, i*d, b.dresFresh)
		}
		if b.dx != nil {
			if o.draw.keep != 0 {
				o.draw.fill(kept, uint64(i*d))
				r.eng.Mul(both, both, kept)
			}
			store(r, b.dx, both, i*d, b.dxFresh)
		}
	}
}

// rowOf is row i of a gradient, nil if that is.
func rowOf(x []float32, i, d int) []float32 {
	if x == nil {
		return nil
	}
	return x[i*d : (i+1)*d]
}

// store writes a row of a gradient, or adds it to what is there.
func store(r *Run, dst, row []float32, at int, fresh bool) {
	dst = dst[at : at+len(row)]
	if fresh {
		copy(dst, row)
		return
	}
	r.eng.Add(dst, dst, row)
}

// rmsNormOp is y = x·rstd·w, where rstd is 1/√(mean(x²)+eps); it keeps x and rstd of each row.
type rmsNormOp struct {
	x, w, y *Tensor
	rstd    []float32
	eps     float32
}

// RMSNorm is x/√(mean(x²)+eps)·w over the last axis.
func (r *Run) RMSNorm(x, w *Tensor, eps float32) *Tensor {
	d := x.Dim(-1)
	if w.Len() != d {
		panic(fmt.Sprintf("tensor: RMS norm of %v with %v", x.shape, w.shape))
	}
	o := op[rmsNormOp](r)
	o.x, o.w, o.y, o.eps = x, w, r.like(x), eps
	record := r.wants(x, w)
	if record {
		o.rstd = r.arena.alloc(x.Rows())
	}
	r.each(x.Rows(), 3*d, o)
	if record {
		r.record(o)
	}
	return o.y
}

func (o *rmsNormOp) span(r *Run, _, from, to int) {
	d := o.x.Dim(-1)
	w := o.w.floats()
	for i := from; i < to; i++ {
		rstd := r.eng.RMSNorm(o.y.data[i*d:(i+1)*d], o.x.data[i*d:(i+1)*d], w, o.eps)
		if o.rstd != nil {
			o.rstd[i] = rstd
		}
	}
}

func (o *rmsNormOp) result() *Tensor { return o.y }

func (o *rmsNormOp) backward(r *Run, dy []float32) {
	d, rows := o.x.Dim(-1), o.x.Rows()
	b := op[rmsNormBackward](r)
	b.o, b.dy, b.w = o, dy, o.w.floats()
	b.dx, b.fresh = r.grad(o.x)
	b.size = (rows + normParts - 1) / normParts
	parts := (rows + b.size - 1) / b.size
	dw := r.addGrad(o.w)
	if dw != nil {
		b.parts = r.arena.alloc(parts * d)
		clear(b.parts)
	}
	r.each(parts, b.size*d*6, b)
	if dw != nil {
		for p := range parts {
			r.eng.Add(dw, dw, b.parts[p*d:(p+1)*d])
		}
		r.arena.free(b.parts)
	}
	r.arena.free(o.rstd)
}

type rmsNormBackward struct {
	o         *rmsNormOp
	dy, w, dx []float32
	fresh     bool
	parts     []float32
	size      int
}

func (b *rmsNormBackward) span(r *Run, _, from, to int) {
	o := b.o
	d := o.x.Dim(-1)
	for i := from * b.size; i < min(to*b.size, o.x.Rows()); i++ {
		var dw []float32
		if b.parts != nil {
			dw = b.parts[i/b.size*d:][:d]
		}
		dx := rowOf(b.dx, i, d)
		if b.fresh {
			clear(dx)
		}
		r.eng.RMSNormBackward(dx, b.dy[i*d:(i+1)*d], o.x.data[i*d:(i+1)*d], b.w, dw, o.rstd[i])
	}
}
