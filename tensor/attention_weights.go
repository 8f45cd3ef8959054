package tensor

import "dragoman/kernel"

// Attention whose weights are dropped, or whose bias learns, goes back head by head over the weights that the kernel returned:
// only training asks for it.

// attentionDropout computes the result of an attention from its weights, some of them dropped.
type attentionDropout attentionOp

// span does batches of queries.
func (o *attentionDropout) span(r *Run, worker, from, to int) {
	a := &o.args
	pairs := a.Tq * a.Keys()
	kept := r.scratch(worker, pairs)
	for i := from * a.Heads; i < to*a.Heads; i++ {
		h := headOf{(*attentionOp)(o), i / a.Heads, i % a.Heads}
		o.draw.fill(kept, uint64(i*pairs))
		r.eng.Mul(kept, kept, a.Probs[i*pairs:(i+1)*pairs])
		for n := range a.Segments {
			r.small(worker, kernel.Gemm{
				M: a.Tq, N: a.D, K: a.Segments[n].Len,
				A: h.pairs(kept, n, false), B: h.rows(&a.Segments[n].V, n, true),
				C: a.Out[h.query():], LDC: a.OutStride, Accumulate: n > 0, Compute: r.opt.Compute,
			})
		}
	}
}

// weightsBackward is the backward of attention from its weights p: with draws m (1 without dropout) and dp = dy·vᵀ, the gradient of
// the scores, and of the bias, is p·(m·dp − Σ p·m·dp). Workers share the heads of keys, because batches may have keys in common.
func (o *attentionOp) weightsBackward(r *Run) {
	pairs := o.args.Tq * o.args.Keys()
	r.each(o.args.KVHeads, o.args.Batch*pairs*o.args.D, (*attentionWeightsBackward)(o))
}

type attentionWeightsBackward attentionOp

func (o *attentionWeightsBackward) span(r *Run, worker, from, to int) {
	a := &o.args
	group, pairs := a.Heads/a.KVHeads, a.Tq*a.Keys()
	buffer := r.scratch(worker, 2*pairs)
	for b := range a.Batch {
		for i := from * group; i < to*group; i++ {
			o.head(r, worker, headOf{(*attentionOp)(o), b, i}, buffer[:pairs], buffer[pairs:])
		}
	}
}

// head adds the gradients that come from one head of one batch of queries.
func (o *attentionWeightsBackward) head(r *Run, worker int, h headOf, kept, ds []float32) {
	a, g := &o.args, &o.grad
	keys := a.Keys()
	at := (h.batch*a.Heads + h.head) * len(ds)
	probs := a.Probs[at : at+len(ds)]
	dy := kernel.Operand{Mat: kernel.MatF32(g.DOut[h.query():], a.Tq, a.D, a.OutStride)}
	dyByKey := dy
	dyByKey.Trans = true
	q := kernel.Operand{Mat: kernel.MatF32(a.Q[h.query():], a.Tq, a.D, a.QStride), Trans: true}

	for n := range a.Segments {
		r.small(worker, kernel.Gemm{
			M: a.Tq, N: a.Segments[n].Len, K: a.D, A: dy, B: h.rows(&a.Segments[n].V, n, false),
			C: ds[h.column(n):], LDC: keys, Compute: r.opt.Compute,
		})
	}
	if o.draw.keep != 0 {
		o.draw.fill(kept, uint64(at))
		r.eng.Mul(ds, ds, kept)
		r.eng.Mul(kept, kept, probs)
	} else {
		copy(kept, probs)
	}
	for i := 0; i < len(ds); i += keys {
		p, row := probs[i:i+keys], ds[i:i+keys]
		c := r.eng.Dot(p, row)
		r.eng.Mul(row, row, p)
		r.eng.Axpy(-c, p, row)
	}
	if o.dBias != nil {
		for i := range a.Tq {
			to := a.BiasRow(o.dBias, h.head, i, keys)
			r.eng.Add(to, to, ds[i*keys:(i+1)*keys])
		}
	}
	if a.Scale != 1 {
		r.eng.Scale(a.Scale, ds)
	}
	for n := range a.Segments {
		length := a.Segments[n].Len
		if dv := g.DV[n]; dv.Data != nil {
			r.small(worker, kernel.Gemm{
				M: length, N: a.D, K: a.Tq, A: h.pairs(kept, n, true), B: dyByKey,
				C: dv.Data[h.first(n)*dv.Stride+h.keyHead()*a.D:], LDC: dv.Stride, Accumulate: true, Compute: r.opt.Compute,
			})
		}
		if dk := g.DK[n]; dk.Data != nil {
			r.small(worker, kernel.Gemm{
				M: length, N: a.D, K: a.Tq, A: h.pairs(ds, n, true), B: q,
				C: dk.Data[h.first(n)*dk.Stride+h.keyHead()*a.D:], LDC: dk.Stride, Accumulate: true, Compute: r.opt.Compute,
			})
		}
		if g.DQ != nil {
			r.small(worker, kernel.Gemm{
				M: a.Tq, N: a.D, K: length, A: h.pairs(ds, n, false), B: h.rows(&a.Segments[n].K, n, true),
				C: g.DQ[h.query():], LDC: a.QStride, Accumulate: true, Compute: r.opt.Compute,
			})
		}
	}
}

// headOf says where one head of one batch of queries lies.
type headOf struct {
	o           *attentionOp
	batch, head int
}

// query is where its columns of the first query begin.
func (h headOf) query() int {
	a := &h.o.args
	return h.batch*a.Tq*a.QStride + h.head*a.D
}

// keyHead is the head of the keys that it reads.
func (h headOf) keyHead() int { return h.head / (h.o.args.Heads / h.o.args.KVHeads) }

// first is the row of segment n where its keys begin.
func (h headOf) first(n int) int {
	s := &h.o.args.Segments[n]
	if s.Index != nil {
		return int(s.Index[h.batch]) * s.Pitch
	}
	return h.batch * s.Pitch
}

// column is the first key of segment n among all.
func (h headOf) column(n int) int {
	at := 0
	for i := range n {
		at += h.o.args.Segments[i].Len
	}
	return at
}

// rows is its columns of a segment's keys or values.
func (h headOf) rows(m *kernel.Mat, n int, trans bool) kernel.Operand {
	a := &h.o.args
	part := kernel.Mat{DType: m.DType, Rows: a.Segments[n].Len, Cols: a.D, Stride: m.Stride}
	part.Data = m.Data[h.first(n)*m.Stride+m.DType.RowBytes(h.keyHead()*a.D):]
	return kernel.Operand{Mat: part, Trans: trans}
}

// pairs is a segment's columns of a matrix [queries, keys].
func (h headOf) pairs(x []float32, n int, trans bool) kernel.Operand {
	a := &h.o.args
	return kernel.Operand{Mat: kernel.MatF32(x[h.column(n):], a.Tq, a.Segments[n].Len, a.Keys()), Trans: trans}
}

// small computes a product by the worker that asks for it.
func (r *Run) small(worker int, g kernel.Gemm) {
	s := r.smalls[worker]
	s.gemm, s.list[0] = g, &s.gemm
	r.eng.Gemm(alone{}, s.list[:]...)
}

type smallProduct struct {
	gemm kernel.Gemm
	list [1]*kernel.Gemm
}

// alone is the workers of a task that is itself one of many.
type alone struct{}

func (alone) Do(n int, f func(task, worker int)) {
	for task := range n {
		f(task, 0)
	}
}

func (alone) Size() int { return 1 }
