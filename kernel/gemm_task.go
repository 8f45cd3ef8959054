package kernel

import "unsafe"

// pack is a task of packing ahead: rowsAtOnce rows of R, or panelsAtOnce panels of V, over all of k.
func (j *job) pack(task, worker int) {
	i := len(j.products) - 1
	for j.products[i].firstPack > task {
		i--
	}
	p, s := &j.products[i], &j.scratch[worker]
	task -= p.firstPack
	if task >= p.rPacks {
		n := (task - p.rPacks) * panelsAtOnce
		p.packPanels(s, n, min(panelsAtOnce, ceilDiv(p.vn, panel)-n))
		return
	}
	for chunk := range p.chunks {
		from, units := p.span(chunk)
		row := task * rowsAtOnce
		rows := min(rowsAtOnce, p.rn-row)
		p.packRows(s, p.rAhead[row*p.rStride:], p.rStride, from*p.kit.rLanes, row, rows, from, units)
	}
}

// span is the units of k in a chunk.
func (p *product) span(chunk int) (from, units int) {
	from = chunk * p.chunk
	return from, min(p.chunk, p.units-from)
}

// task computes one block of R against one block of V.
func (j *job) task(task, worker int) {
	i := len(j.products) - 1
	for j.products[i].firstTask > task {
		i--
	}
	p, s := &j.products[i], &j.scratch[worker]
	task -= p.firstTask
	kit := p.kit
	r0 := task % p.rBlocks * p.rBlock
	rows := min(p.rBlock, p.rn-r0)
	v0 := task / p.rBlocks * p.vBlock
	panels := min(p.vBlock, ceilDiv(p.vn, panel)-v0)

	accRows := roundUp(rows, 16)
	accStep := 0 // from the sums of one panel to the next, where they are kept
	if p.accByChunk {
		accStep = accRows * panel
	}
	acc := s.acc.take(accRows*panel + accStep*(panels-1))
	for chunk := range p.chunks {
		from, units := p.span(chunk)
		padded := roundUp(units, kit.pad)
		r := p.rowsOf(s, r0, rows, from, units)
		p.aheadOfChunk(s, r0, rows, chunk, len(j.scratch))
		for n := range panels {
			var v []uint32
			if p.vPacks > 0 {
				v = p.vAhead[(v0+n)*p.vStride+from*kit.vLanes*panel:]
			} else {
				v = s.v.take(kit.panelLanes(units) * panel)
				p.packPanel(s, v, v0+n, from, units)
			}
			sums := (*float32)(unsafe.Pointer(&acc[n*accStep]))
			cols := min(panel, p.vn-(v0+n)*panel)
			p.aheadOfPanel(s, r0, rows, v0+n, v0+panels, chunk)
			kit.mul(sums, r, &v[0], padded, rows, cols, chunk == 0, &s.ahead)
			if chunk == p.chunks-1 {
				p.store(sums, r0, rows, (v0+n)*panel, cols)
				if p.Act != NoAct && (p.swapped || n%actPanels == actPanels-1 || n == panels-1) {
					first := v0 + n
					if !p.swapped {
						first -= n % actPanels
					}
					j.engine.activate(p, r0, rows, first*panel, (v0+n)*panel+cols)
				}
			}
		}
	}
}

// actPanels is how many finished panels are activated at a time: long rows, still in the cache.
const actPanels = 8

// rowsOf is a chunk of R for a task: as it lies, as it was packed ahead, or packed here.
func (p *product) rowsOf(s *workerScratch, r0, rows, from, units int) rowSide {
	kit := p.kit
	switch {
	case p.direct:
		stride := p.r.Stride
		return rowSide{unsafe.Pointer(&p.r.Data[r0*stride+p.r.DType.RowBytes(from*kit.unit)]), stride, 64, 32 * stride}
	case p.rPacks > 0:
		return kit.rowSide(p.rAhead, p.rStride, r0, from*kit.rLanes)
	}
	ld := kit.rowStride(units)
	buf := s.r.take(roundUp(rows, rowsAtOnce) * ld)
	p.packRows(s, buf, ld, 0, r0, rows, from, units)
	return kit.rowSide(buf, ld, 0, 0)
}

// store moves finished sums of one panel to C.
func (p *product) store(acc *float32, r0, rows, v0, cols int) {
	scale := p.Scale
	if scale == 0 {
		scale = 1
	}
	var bias *float32
	if p.swapped {
		if p.Bias != nil {
			bias = &p.Bias[r0]
		}
		p.kit.storeT(&p.C[v0*p.LDC+r0], p.LDC, acc, rows, cols, scale, bias, p.Accumulate)
		return
	}
	if p.Bias != nil {
		bias = &p.Bias[v0]
	}
	if p.streamed && cols == panel {
		p.kit.stream(&p.C[r0*p.LDC+v0], p.LDC, acc, rows, scale, bias)
		return
	}
	p.kit.store(&p.C[r0*p.LDC+v0], p.LDC, acc, rows, cols, scale, bias, p.Accumulate)
}

// activate applies the activation to what is finished of C: rows r0… of R, rows v0…v1−1 of V.
func (e *Engine) activate(p *product, r0, rows, v0, v1 int) {
	m0, m1, n0, n1 := r0, r0+rows, v0, v1
	if p.swapped {
		m0, m1, n0, n1 = n0, n1, m0, m1
	}
	for m := m0; m < m1; m++ {
		c := p.C[m*p.LDC+n0 : m*p.LDC+n1]
		e.Apply(p.Act, c, c)
	}
}
