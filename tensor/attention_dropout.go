package tensor

import "dragoman/kernel"

// Attention whose weights are dropped is computed row by row from the weights that the kernel returned: only training asks
// for it, and models that care for speed drop elsewhere.

// attentionDropout computes the result of an attention again from its weights, some of them dropped.
type attentionDropout attentionOp

func (o *attentionDropout) span(r *Run, worker, from, to int) {
	a := &o.args
	n := a.Heads * a.D
	row := r.scratch(worker, a.D)
	for b := from; b < to; b++ {
		y := a.Out[b*a.Tq*n : (b+1)*a.Tq*n]
		clear(y)
		(*attentionOp)(o).pairs(b, func(h, i, at int, s *kernel.Segment, _, key int) {
			if p := a.Probs[at] * o.draw.at(uint64(at)); p != 0 {
				r.eng.Axpy(p, headOf(row, &s.V, key, h/(a.Heads/a.KVHeads), a.D), y[i*n+h*a.D:][:a.D])
			}
		})
	}
}

// pairs calls f for every head, query and key of a batch of queries: at is where the weight lies, key the row of the segment.
func (o *attentionOp) pairs(b int, f func(h, i, at int, s *kernel.Segment, segment, key int)) {
	a := &o.args
	for h := range a.Heads {
		for i := range a.Tq {
			at := ((b*a.Heads+h)*a.Tq + i) * a.Keys()
			for n := range a.Segments {
				s := &a.Segments[n]
				first := b * s.Pitch
				if s.Index != nil {
					first = int(s.Index[b]) * s.Pitch
				}
				for j := range s.Len {
					f(h, i, at, s, n, first+j)
					at++
				}
			}
		}
	}
}

// headOf is head h of a stored row, decoded into row where it is not float32.
func headOf(row []float32, m *kernel.Mat, i, h, d int) []float32 {
	bytes := m.Row(i)[m.DType.RowBytes(h*d):m.DType.RowBytes((h+1)*d)]
	if m.DType == kernel.F32 {
		if x, ok := kernel.Floats(bytes); ok {
			return x
		}
	}
	kernel.Decode(m.DType, row, bytes)
	return row
}

// dropoutBackward is the backward of attention with dropped weights: with weights p, draws m and dp = m·(dy·v), the scores'
// gradient is p·(dp − Σ p·dp).
func (o *attentionOp) dropoutBackward(r *Run, dy []float32) {
	a, g := &o.args, &o.grad
	n, group := a.Heads*a.D, a.Heads/a.KVHeads
	row := make([]float32, a.D)
	ds := r.arena.alloc(len(a.Probs))
	for b := range a.Batch {
		o.pairs(b, func(h, i, at int, s *kernel.Segment, segment, key int) {
			d := dy[(b*a.Tq+i)*n+h*a.D:][:a.D]
			m := o.draw.at(uint64(at))
			ds[at] = m * r.eng.Dot(d, headOf(row, &s.V, key, h/group, a.D))
			if dv := g.DV[segment]; dv.Data != nil && m*a.Probs[at] != 0 {
				r.eng.Axpy(m*a.Probs[at], d, dv.Data[key*dv.Stride+h/group*a.D:][:a.D])
			}
		})
	}
	keys := a.Keys()
	for at := 0; at < len(ds); at += keys {
		p, ds := a.Probs[at:at+keys], ds[at:at+keys]
		c := r.eng.Dot(p, ds)
		for j, w := range p {
			ds[j] = w * (ds[j] - c) * a.Scale
		}
	}
	for b := range a.Batch {
		o.pairs(b, func(h, i, at int, s *kernel.Segment, segment, key int) {
			if ds[at] == 0 {
				return
			}
			where := (b*a.Tq+i)*n + h*a.D
			if g.DQ != nil {
				r.eng.Axpy(ds[at], headOf(row, &s.K, key, h/group, a.D), g.DQ[where:][:a.D])
			}
			if dk := g.DK[segment]; dk.Data != nil {
				r.eng.Axpy(ds[at], o.q.data[where:][:a.D], dk.Data[key*dk.Stride+h/group*a.D:][:a.D])
			}
		})
	}
	r.arena.free(ds)
}
