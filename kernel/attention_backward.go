package kernel

import (
	"math"
	"slices"
	"unsafe"
)

// slopeBlock is what slopeRows reads: scores and the weights' gradients, [rows of keys][32 queries] each. The assembly knows the
// fields by name.
type slopeBlock struct {
	scores   unsafe.Pointer
	dweights unsafe.Pointer // replaced by the scores' gradients
	weights  unsafe.Pointer // rows of lanes, stride bytes apart
	dscores  unsafe.Pointer // the same
	stride   int
	rows     int
	lse      *float32 // of each query, in powers of two; +Inf makes its weights 0
	delta    *float32
	scale    float32
	scale2   float32
}

// AttentionBackward adds the gradients that g asks for. The order of their sums depends on nothing but the batch and Index.
func (e *Engine) AttentionBackward(w Workers, g *AttentionGrad) {
	g.check()
	if g.Batch == 0 || g.Tq == 0 || g.Keys() == 0 {
		return
	}
	j := takeAttentionJob(e, w, &g.Attention, g.Compute)
	j.grad = g
	j.bundles()
	j.parts = len(j.starts) - 1 // bundles that may be computed at the same time
	if len(g.Segments) > 1 && (j.parts < g.Batch || sharesRows(g.Segments)) {
		j.parts = 1 // some share the rows of one segment and not of another
	}
	j.span = spanFor(g.KVHeads, j.parts, w)
	w.Do(j.parts*ceilDiv(g.KVHeads, j.span), j.backward)
	j.free()
}

// sharesRows says whether two batches of queries read the same rows of some segment.
func sharesRows(segments []Segment) bool {
	for i := range segments {
		for k, row := range segments[i].Index {
			if slices.Contains(segments[i].Index[:k], row) {
				return true
			}
		}
	}
	return false
}

// backwardTask computes some heads of keys of a bundle, or of all bundles one after another.
func (j *attentionJob) backwardTask(task, worker int) {
	spans := ceilDiv(j.a.KVHeads, j.span)
	first, part := task%spans*j.span, task/spans
	from, to := part, part+1
	if j.parts == 1 {
		from, to = 0, len(j.starts)-1
	}
	for i := from; i < to; i++ {
		for h := first; h < min(first+j.span, j.a.KVHeads); h++ {
			if j.kit == nil {
				j.genericBackward(j.bundle(i), h)
			} else {
				j.bundleBackward(&j.scratch[worker], j.bundle(i), h)
			}
		}
	}
}

func (j *attentionJob) genericBackward(bundle []int32, kvHead int) {
	group := j.a.Heads / j.a.KVHeads
	s := borrow()
	for _, b := range bundle {
		for h := kvHead * group; h < (kvHead+1)*group; h++ {
			j.grad.headGeneric(j.engine, s, int(b), h)
		}
	}
	giveBack(s)
}

// queryBlock is the most queries whose weights a backward task keeps at a time.
const queryBlock = 256

// bundleBackward computes the gradients of a bundle's queries, with keys as rows of the products and panels of queries as columns:
//
//	Sᵀ = K·Qᵀ   dWᵀ = V·dOᵀ   dQᵀ = Kᵀ·dSᵀ   dV = Wᵀ·dO   dK = dSᵀ·Q
//
// so that what slopeRows makes of the first two, panel by panel, is packed as it stands.
func (j *attentionJob) bundleBackward(s *attentionScratch, bundle []int32, kvHead int) {
	a := j.a
	keys := a.Keys()
	j.operands(s, int(bundle[0]), kvHead)
	sides := backwardSides{
		k: j.packRows(s, &s.k, &s.kSide, keys, a.D),
		v: j.packRows(s, &s.v, &s.vSide, keys, a.D),
	}
	if j.grad.DQ != nil {
		s.kDown = s.kSide
		s.kDown.Trans = true
		sides.kt = j.packRows(s, &s.kt, &s.kDown, a.D, keys)
	}
	total := len(bundle) * a.Heads / a.KVHeads * a.Tq
	for n := 0; n < total; n += queryBlock {
		j.blockBackward(s, &sides, bundle, kvHead, n, min(queryBlock, total-n))
	}
}

// backwardSides are a head's keys and values as rows, and the keys' columns as rows.
type backwardSides struct{ k, v, kt rowSide }

// packRows packs rows 0…rows−1 of an operand, contracted over k, as rows of lanes.
func (j *attentionJob) packRows(s *attentionScratch, dst *lanes, o *Operand, rows, k int) rowSide {
	units := ceilDiv(k, j.kit.unit)
	stride := j.kit.rowStride(units)
	buf := dst.take(roundUp(rows, rowsAtOnce) * stride)
	s.gemm = Gemm{K: k}
	s.product = product{Gemm: &s.gemm, kit: j.kit, r: o, rn: rows}
	s.product.packRows(&s.pack, buf, stride, 0, 0, rows, 0, units)
	return j.kit.rowSide(buf, stride, 0, 0)
}

// blockBackward adds the gradients of rows first…first+count−1 of a bundle's queries.
func (j *attentionJob) blockBackward(s *attentionScratch, sides *backwardSides, bundle []int32, kvHead, first, count int) {
	a, g, kit, d := j.a, j.grad, j.kit, j.a.D
	keys := a.Keys()
	s.pack.ahead.stop()
	j.gatherRows(s, bundle, kvHead, first, count)
	qPanels, qSize := j.packPanels(s, &s.q, &s.kSide, count, d)
	oPanels, oSize := j.packPanels(s, &s.o, &s.vSide, count, d)

	panels := ceilDiv(count, panel)
	ld := panels*panel/kit.unit + 16
	p, ds := s.p.take(roundUp(keys, panel)*ld), s.ds.take(roundUp(keys, panel)*ld)
	acc, acc2 := s.acc.take(roundUp(keys, panel)*panel), s.acc2.take(roundUp(max(keys, d), panel)*panel+panel)
	units := roundUp(ceilDiv(d, kit.unit), kit.pad)
	down := roundUp(ceilDiv(keys, kit.unit), kit.pad)
	scale := a.Scale
	if a.Bias != nil {
		scale = 1
	}
	for n := range panels {
		cols := min(panel, count-n*panel)
		j.mul(s, &acc[0], sides.k, &qPanels[n*qSize], units, keys, cols)
		j.mul(s, &acc2[0], sides.v, &oPanels[n*oSize], units, keys, cols)
		clearBeyond(acc, keys, cols)
		clearBeyond(acc2, keys, cols)
		j.maskPanel(floatsOf(acc), bundle, kvHead, first+n*panel, cols)
		s.slope = slopeBlock{
			scores: unsafe.Pointer(&acc[0]), dweights: unsafe.Pointer(&acc2[0]),
			weights: unsafe.Pointer(&p[n*panel/kit.unit]), dscores: unsafe.Pointer(&ds[n*panel/kit.unit]),
			stride: 4 * ld, rows: keys, lse: &s.top[n*panel], delta: &s.sum[n*panel], scale: a.Scale, scale2: scale * math.Log2E,
		}
		j.engine.slopeRows(kit, &s.slope)
		if g.DQ == nil {
			continue
		}
		zipped := s.zip.take(roundUp(keys, panel) / kit.unit * panel)
		kit.zip(&zipped[0], F32, (*byte)(unsafe.Pointer(&acc2[0])), 4*panel, keys, panel)
		clear(zipped[ceilDiv(keys, kit.unit)*panel:])
		j.mul(s, &acc2[0], sides.kt, &zipped[0], down, d, cols)
		for c := 0; c < cols; {
			r := j.rowAt(bundle, kvHead, first+n*panel+c)
			run := min(a.Tq-r.i, cols-c)
			to := (r.b*a.Tq+r.i)*a.QStride + r.h*d
			j.addTransposed(g.DQ[to:], a.QStride, floatsOf(acc2[c:]), d, run)
			c += run
		}
	}
	j.addDown(s, g.DV, &s.ot, &s.vSide, p, ld, int(bundle[0]), kvHead, count)
	j.addDown(s, g.DK, &s.qt, &s.kSide, ds, ld, int(bundle[0]), kvHead, count)
}

// clearBeyond clears columns cols and on of a panel of rows: what no product wrote may be a NaN of the pass before, which a weight of
// 0 does not hide.
func clearBeyond(x []uint32, rows, cols int) {
	if cols == panel {
		return
	}
	for i := range rows {
		clear(x[i*panel+cols : (i+1)*panel])
	}
}

// gatherRows copies the queries and the output's gradients of some rows of a bundle side by side, to kSide and vSide, and makes what
// slopeRows wants of each: log Σ exp in powers of two in s.top, Σ out·dout in s.sum, over whole panels.
func (j *attentionJob) gatherRows(s *attentionScratch, bundle []int32, kvHead, first, count int) {
	a, g, d := j.a, j.grad, j.a.D
	s.rows(roundUp(count, panel))
	fill(s.top, float32(math.Inf(1)))
	clear(s.sum)
	if cap(s.queries) < count*d {
		s.queries, s.douts = make([]float32, count*d), make([]float32, count*d)
	}
	q, o := s.queries[:count*d], s.douts[:count*d]
	for n := 0; n < count; {
		r := j.rowAt(bundle, kvHead, first+n)
		for end := n + min(a.Tq-r.i, count-n); n < end; n, r.i = n+1, r.i+1 {
			if lse := a.LSE[(r.b*a.Heads+r.h)*a.Tq+r.i]; lse != negInf {
				s.top[n] = float32(float64(lse) * math.Log2E)
			}
			copy(q[n*d:(n+1)*d], a.Q[(r.b*a.Tq+r.i)*a.QStride+r.h*d:])
			at := (r.b*a.Tq+r.i)*a.OutStride + r.h*d
			copy(o[n*d:(n+1)*d], g.DOut[at:])
			s.sum[n] = j.engine.Dot(a.Out[at:at+d], o[n*d:(n+1)*d])
		}
	}
	s.kSide = Operand{Mat: MatF32(q, count, d, d)}
	s.vSide = Operand{Mat: MatF32(o, count, d, d)}
}

// addDown adds rows·x, contracted over a block's queries, to the gradients of all segments' rows that the queries read: rows [keys]
// of lanes, x [count, D].
func (j *attentionJob) addDown(s *attentionScratch, to []GradRows, dst *lanes, x *Operand, rows []uint32, ld, b, kvHead, count int) {
	a, kit := j.a, j.kit
	wanted := false
	for i := range to {
		wanted = wanted || to[i].Data != nil
	}
	if !wanted {
		return
	}
	keys := a.Keys()
	panels, size := j.packDown(s, dst, x, a.D, count)
	acc := s.acc.take(roundUp(keys, panel) * panel)
	units := roundUp(ceilDiv(count, kit.unit), kit.pad)
	for c := 0; c < a.D; c += panel {
		cols := min(panel, a.D-c)
		j.mul(s, &acc[0], rowsAt(&rows[0], ld), &panels[c/panel*size], units, keys, cols)
		at := 0
		for i := range a.Segments {
			seg, grad := &a.Segments[i], j.grad.gradRows(to, i)
			if grad.Data != nil && seg.Len > 0 {
				first := seg.first(b)*grad.Stride + kvHead*a.D + c
				kit.store(&grad.Data[first], grad.Stride, (*float32)(unsafe.Pointer(&acc[at*panel])), seg.Len, cols, 1, nil, true)
			}
			at += seg.Len
		}
	}
}

// maskPanel makes scores [keys][32 queries] what the forward took the softmax of: with the bias, −Inf where a key is hidden.
func (j *attentionJob) maskPanel(scores []float32, bundle []int32, kvHead, first, cols int) {
	a := j.a
	keys := a.Keys()
	if a.Bias == nil && a.Mask == nil && a.KeyMask == nil && !a.Causal {
		return
	}
	alike := j.rowAt(bundle, kvHead, first).b == j.rowAt(bundle, kvHead, first+cols-1).b // one b's key mask hides whole rows
	for c := range cols {
		r := j.rowAt(bundle, kvHead, first+c)
		if a.Bias != nil {
			for k, x := range a.BiasRow(a.Bias, r.h, r.i, keys) {
				scores[k*panel+c] = scores[k*panel+c]*a.Scale + x
			}
		}
		for k := a.visible(r.i, keys); k < keys; k++ {
			scores[k*panel+c] = negInf
		}
		if a.Mask != nil {
			hideColumn(scores[c:], a.Mask[a.maskAt(r.b, r.i, keys):][:keys])
		}
		if a.KeyMask == nil {
			continue
		}
		if mask := a.KeyMask[r.b*keys:][:keys]; !alike {
			hideColumn(scores[c:], mask)
		} else if c == cols-1 {
			for k, m := range mask {
				if m == 0 {
					fill(scores[k*panel:][:panel], negInf)
				}
			}
		}
	}
}

// hideColumn sets one column of a panel to −Inf where a mask is 0.
func hideColumn(scores []float32, mask []uint8) {
	for k, m := range mask {
		if m == 0 {
			scores[k*panel] = negInf
		}
	}
}

// addTransposed adds sums [rows][32] to cols rows of dst, ld elements apart: dst[c][r] += acc[r][c].
func (j *attentionJob) addTransposed(dst []float32, ld int, acc []float32, rows, cols int) {
	if j.kit.storeT != nil {
		j.kit.storeT(&dst[0], ld, &acc[0], rows, cols, 1, nil, true)
		return
	}
	for c := range cols {
		for r := range rows {
			dst[c*ld+r] += acc[r*panel+c]
		}
	}
}

func floatsOf(x []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(&x[0])), len(x))
}
