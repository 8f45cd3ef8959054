package kernel

import "math"

var negInf = float32(math.Inf(-1))

// headGeneric computes one head of one batch of queries: the reference.
func (a *Attention) headGeneric(e *Engine, s *scratch, b, h int) {
	keys, d := a.Keys(), a.D
	buf := s.take(keys + keys*2*d)
	scores, k, v := buf[:keys], buf[keys:keys+keys*d], buf[keys+keys*d:]
	a.gather(k, v, b, h/(a.Heads/a.KVHeads))
	for i := range a.Tq {
		q := a.Q[(b*a.Tq+i)*a.QStride+h*d:][:d]
		for j := range scores {
			scores[j] = a.Scale * e.Dot(q, k[j*d:][:d])
		}
		if a.Bias != nil {
			for j, x := range a.BiasRow(a.Bias, h, i, keys) {
				scores[j] += x
			}
		}
		a.maskRow(scores, b, i)
		lse := e.Softmax(scores)
		at := (b*a.Heads+h)*a.Tq + i
		if a.LSE != nil {
			a.LSE[at] = lse
		}
		if a.Probs != nil {
			copy(a.Probs[at*keys:][:keys], scores)
		}
		out := a.Out[(b*a.Tq+i)*a.OutStride+h*d:][:d]
		clear(out)
		for j, p := range scores {
			if p != 0 {
				e.Axpy(p, v[j*d:][:d], out)
			}
		}
	}
}

// headGeneric adds the gradients of one head of one batch of queries: the reference.
func (g *AttentionGrad) headGeneric(e *Engine, s *scratch, b, h int) {
	keys, d := g.Keys(), g.D
	kvHead := h / (g.Heads / g.KVHeads)
	buf := s.take(keys + keys*2*d)
	scores, k, v := buf[:keys], buf[keys:keys+keys*d], buf[keys+keys*d:]
	g.gather(k, v, b, kvHead)
	for i := range g.Tq {
		lse := g.LSE[(b*g.Heads+h)*g.Tq+i]
		if math.IsInf(float64(lse), -1) {
			continue // no key is seen
		}
		row := b*g.Tq + i
		q := g.Q[row*g.QStride+h*d:][:d]
		out, dout := g.Out[row*g.OutStride+h*d:][:d], g.DOut[row*g.OutStride+h*d:][:d]
		for j := range scores {
			scores[j] = g.Scale * e.Dot(q, k[j*d:][:d])
		}
		if g.Bias != nil {
			for j, x := range g.BiasRow(g.Bias, h, i, keys) {
				scores[j] += x
			}
		}
		g.maskRow(scores, b, i)
		delta := e.Dot(out, dout)
		j := 0
		for n := range g.Segments {
			seg := &g.Segments[n]
			dk, dv := g.gradRows(g.DK, n), g.gradRows(g.DV, n)
			for r := seg.first(b); r < seg.first(b)+seg.Len; r, j = r+1, j+1 {
				p := float32(math.Exp(float64(scores[j] - lse)))
				if p == 0 {
					continue
				}
				if dv.Data != nil {
					e.Axpy(p, dout, dv.Data[r*dv.Stride+kvHead*d:][:d])
				}
				ds := g.Scale * p * (e.Dot(dout, v[j*d:][:d]) - delta)
				if g.DQ != nil {
					e.Axpy(ds, k[j*d:][:d], g.DQ[row*g.QStride+h*d:][:d])
				}
				if dk.Data != nil {
					e.Axpy(ds, q, dk.Data[r*dk.Stride+kvHead*d:][:d])
				}
			}
		}
	}
}

// gradRows is where the gradient of segment n goes; no Data where none is wanted.
func (g *AttentionGrad) gradRows(of []GradRows, n int) GradRows {
	if n < len(of) {
		return of[n]
	}
	return GradRows{}
}

// gather widens the keys and values of one head that queries b read to float32, [Tk, D] each.
func (a *Attention) gather(k, v []float32, b, kvHead int) {
	d, at := a.D, 0
	for i := range a.Segments {
		s := &a.Segments[i]
		for r := s.first(b); r < s.first(b)+s.Len; r, at = r+1, at+d {
			Decode(s.K.DType, k[at:at+d], s.K.Data[r*s.K.Stride+s.K.DType.RowBytes(kvHead*d):])
			Decode(s.V.DType, v[at:at+d], s.V.Data[r*s.V.Stride+s.V.DType.RowBytes(kvHead*d):])
		}
	}
}
