package kernel

import (
	"math"
	"unsafe"
)

// The elementwise half of attention between its products, in loops of the family's own: what attention_amd64.s and
// attention_avx2_amd64.s do at once, and the reference of that. Lanes are f32 here. The results of softmaxPanels and slopePanels are in
// powers of two, as the assembly has them.

// panelRow is row i of a panel of scores, 32 columns.
func panelRow(acc unsafe.Pointer, i int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(acc, 4*panel*i)), panel)
}

// softmaxPanels turns rows of scores into weights: for each row i of the block, over its first visible[i] columns,
//
//	top[i] = max(scale·score), 0 if all are −Inf;  weight = 2^(scale·score − top[i]);  sum[i] = Σ weight
//
// and zeros in the columns after them.
func (l *loops) softmaxPanels(b *softmaxBlock) {
	visible := unsafe.Slice(b.visible, b.rows)
	top, sum := unsafe.Slice(b.top, b.rows), unsafe.Slice(b.sum, b.rows)
	for i, cols := range visible {
		row := unsafe.Slice((*float32)(unsafe.Add(b.weights, i*b.stride)), b.panels*panel)
		for c := 0; c < int(cols); c += panel {
			copy(row[c:], panelRow(unsafe.Add(b.acc, c/panel*b.step), i))
		}
		clear(row[cols:])
		seen := row[:cols]
		l.scale(b.scale*math.Ln2, seen)
		most := l.rowMax(seen)
		if most == negInf {
			most = 0
		}
		top[i], sum[i] = most*math.Log2E, l.expSum(seen, seen, most)
	}
}

// maskPanels makes a row of scores, 32 columns in each panel, step bytes from one panel to the next, scale·score + bias, or −Inf where a
// mask is 0; bias and masks may be nil.
func (l *loops) maskPanels(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8) {
	for c := 0; c < cols; c += panel {
		row := panelRow(unsafe.Add(unsafe.Pointer(acc), c/panel*step), 0)[:min(panel, cols-c)]
		l.scale(scale, row)
		if bias != nil {
			l.add(row, row, unsafe.Slice(bias, cols)[c:][:len(row)])
		}
		for _, m := range [2]*uint8{mask, keyMask} {
			if m != nil {
				hide(row, unsafe.Slice(m, cols)[c:])
			}
		}
	}
}

// storePanel moves sums [rows][32] to rows of out, stride bytes apart: out[i][c] = scales[i]·acc[i][c].
func (l *loops) storePanel(out *float32, stride int, acc *float32, rows, cols int, scales *float32) {
	for i, scale := range unsafe.Slice(scales, rows) {
		to := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), i*stride)), cols)
		copy(to, panelRow(unsafe.Pointer(acc), i))
		l.scale(scale, to)
	}
}

// slopePanels is the elementwise part of the backward, a panel of 32 queries at a time: for each key and query
//
//	weight = 2^(scale2·score − lse[query]);  dscore = scale·weight·(dweight − delta[query])
//
// dscore replaces dweight, and both results go to rows of lanes.
func (l *loops) slopePanels(b *slopeBlock) {
	lse, delta := unsafe.Slice(b.lse, panel), unsafe.Slice(b.delta, panel)
	for i := range b.rows {
		weight := unsafe.Slice((*float32)(unsafe.Add(b.weights, i*b.stride)), panel)
		dscore := unsafe.Slice((*float32)(unsafe.Add(b.dscores, i*b.stride)), panel)
		dweight := panelRow(b.dweights, i)
		copy(weight, panelRow(b.scores, i))
		l.scale(b.scale2, weight)
		l.axpy(-1, lse, weight)
		l.scale(math.Ln2, weight)
		l.expSum(weight, weight, 0)
		l.axpy(-1, delta, dweight)
		l.mul(dweight, dweight, weight)
		l.scale(b.scale, dweight)
		copy(dscore, dweight)
	}
}
