package kernel

import "unsafe"

// packRows packs rows r0…r0+rows−1 of R over units of k to dst, from a lane on of rows that take stride lanes; dst has room
// for a multiple of rowsAtOnce rows.
func (p *product) packRows(s *workerScratch, dst []uint32, stride, lane, r0, rows, from, units int) {
	kit, o := p.kit, p.r
	k := min(p.K-from*kit.unit, units*kit.unit)
	step := 64
	if kit.tiled {
		step = 2048
	}
	if !o.Trans {
		at := o.DType.RowBytes(from * kit.unit)
		for i := range rows {
			kit.rRows(&dst[kit.place(stride, i, lane)], step, o.DType, &o.Data[(r0+i)*o.Stride+at], k)
		}
		return
	}
	rowBytes := 4 * stride
	if kit.tiled {
		rowBytes = 64
	}
	tmp := s.tmp.take(strip * panel)
	for l := 0; l < units; l += strip {
		n := min(strip, units-l)
		clear(tmp[n*panel:])
		for i := 0; i < rows; i += rowsAtOnce {
			p.zip(s, tmp, o, r0+i, min(panel, rows-i), (from+l)*kit.unit, min(n*kit.unit, k-l*kit.unit))
			for t := 0; t < n; t += 16 {
				for half := 0; half < panel; half += 16 {
					kit.transpose(&dst[kit.place(stride, i+half, lane+l+t)], rowBytes, (*byte)(unsafe.Pointer(&tmp[t*panel+half])), 4*panel, 32)
				}
			}
		}
	}
}

// strip is how many units are packed at a time of an operand that is stored with k down its columns: short strips of several
// panels read longer stretches of its rows.
const strip = 32

// packPanels packs so many panels of V from panel n on, over all of k, ahead.
func (p *product) packPanels(s *workerScratch, n, panels int) {
	kit := p.kit
	if !p.v.Trans {
		for i := n; i < n+panels; i++ {
			for chunk := range p.chunks {
				from, units := p.span(chunk)
				p.packPanel(s, p.vAhead[i*p.vStride+from*kit.vLanes*panel:], i, from, units)
			}
		}
		return
	}
	for from := 0; from < p.units; from += strip {
		for i := n; i < n+panels; i++ {
			p.packPanel(s, p.vAhead[i*p.vStride+from*panel:], i, from, min(strip, p.units-from))
		}
	}
}

// packPanel packs panel n of V over units of k.
func (p *product) packPanel(s *workerScratch, dst []uint32, n, from, units int) {
	kit, o := p.kit, p.v
	k := min(p.K-from*kit.unit, units*kit.unit)
	row := n * panel
	rows := min(panel, p.vn-row)
	if o.Trans {
		p.zip(s, dst, o, row, rows, from*kit.unit, k)
		clear(dst[units*panel : kit.panelLanes(units)*panel])
		return
	}
	lie := o.DType == kit.direct // the rows are lanes already
	at := o.DType.RowBytes(from * kit.unit)
	lanes := units * kit.vLanes
	ld := roundUp(lanes, 16) + 16
	for half := 0; half < panel; half += 16 {
		have := min(16, rows-half)
		if have == 16 {
			src := &o.Data[(row+half)*o.Stride+at]
			if lie {
				kit.transpose(&dst[half], 4*panel, src, o.Stride, k*o.DType.BlockBytes()/2)
				continue
			}
			if kit.turn != nil && kit.turn(&dst[half], o.DType, src, o.Stride, k) {
				continue
			}
		}
		tmp := s.tmp.take(16 * ld)
		for i := range 16 {
			if i >= have {
				clear(tmp[i*ld : i*ld+lanes])
				continue
			}
			kit.vRows(&tmp[i*ld], 64, o.DType, &o.Data[(row+half+i)*o.Stride+at], k)
		}
		kit.transpose(&dst[half], 4*panel, (*byte)(unsafe.Pointer(&tmp[0])), 4*ld, 2*lanes)
	}
}

// zip packs columns c0…c0+cols−1 of the stored rows k0…k0+k−1 to lanes [units][32]. Types that the kit's zip does not read
// are widened to f32 before, or in the place where they are wanted.
func (p *product) zip(s *workerScratch, dst []uint32, o *Operand, c0, cols, k0, k int) {
	kit, d := p.kit, o.DType
	at := d.RowBytes(c0)
	if d == F32 || d == kit.direct {
		kit.zip(&dst[0], d, &o.Data[k0*o.Stride+at], o.Stride, k, cols)
		return
	}
	if kit.direct == F32 && cols == panel && k > 0 && decodeColumns(d, (*float32)(unsafe.Pointer(&dst[0])), &o.Data[k0*o.Stride+at], o.Stride, k) {
		return
	}
	const some = 64 // rows widened at a time; whole units
	if cap(s.floats) < some*panel {
		s.floats = make([]float32, some*panel)
	}
	floats := s.floats[:some*panel]
	wide := roundUp(cols, d.BlockLen())
	for i := 0; i < k; i += some {
		n := min(some, k-i)
		if from := (k0+i)*o.Stride + at; wide < panel || !decodeColumns(d, &floats[0], &o.Data[from], o.Stride, n) {
			for r := range n {
				Decode(d, floats[r*panel:r*panel+wide], o.Data[from+r*o.Stride:])
			}
		}
		kit.zip(&dst[i/kit.unit*panel], F32, (*byte)(unsafe.Pointer(&floats[0])), 4*panel, n, cols)
	}
}
