package kernel

// packPanels packs rows 0…rows−1 of an operand, contracted over k, to panels of the V side; it returns the lanes of a panel.
func (j *attentionJob) packPanels(s *attentionScratch, dst *lanes, o *Operand, rows, k int) (buf []uint32, size int) {
	units := ceilDiv(k, j.kit.unit)
	size = j.kit.panelLanes(units) * panel
	panels := ceilDiv(rows, panel)
	buf = dst.take(panels * size)
	s.gemm = Gemm{K: k}
	s.product = product{Gemm: &s.gemm, kit: j.kit, v: o, vn: rows}
	for n := range panels {
		s.product.packPanel(&s.pack, buf[n*size:], n, 0, units)
	}
	return buf, size
}

// packKeys packs the keys of some heads, contracted over D, one head after another; it returns the lanes of a panel. A panel of
// keys of all heads comes before the next panel, as the heads lie side by side in memory.
func (j *attentionJob) packKeys(s *attentionScratch, bundle []int32, first, heads, keys int) (size int) {
	for h := range heads {
		j.operands(s, int(bundle[0]), first+h)
		s.kSides[h], s.vSides[h] = s.kSide, s.vSide
	}
	units := ceilDiv(j.a.D, j.kit.unit)
	size = j.kit.panelLanes(units) * panel
	panels := ceilDiv(keys, panel)
	buf := s.k.take(heads * panels * size)
	s.gemm = Gemm{K: j.a.D}
	for n := range panels {
		for h := range heads {
			s.product = product{Gemm: &s.gemm, kit: j.kit, v: &s.kSides[h], vn: keys}
			s.product.packPanel(&s.pack, buf[(h*panels+n)*size:], n, 0, units)
		}
	}
	return size
}

// packValues packs the values, contracted over keys, in the same way, from the operands that packKeys found.
func (j *attentionJob) packValues(s *attentionScratch, heads, keys int) (size int) {
	kit, d := j.kit, j.a.D
	size = roundUp(keys, panel) / kit.unit * panel
	panels := ceilDiv(d, panel)
	buf := s.v.take(heads * panels * size)
	s.gemm = Gemm{K: keys}
	s.product = product{Gemm: &s.gemm, kit: kit}
	for from := 0; from < keys; from += panel {
		count := min(panel, keys-from)
		for h := range heads {
			for n := range panels {
				to := buf[(h*panels+n)*size+from/kit.unit*panel:][:panel/kit.unit*panel]
				s.product.zip(&s.pack, to, &s.vSides[h], n*panel, min(panel, d-n*panel), from, count)
				clear(to[ceilDiv(count, kit.unit)*panel:])
			}
		}
	}
	return size
}

// packDown packs columns 0…cols−1 of an operand, contracted over its first k rows, to panels of the V side. k is padded with zeros to
// whole panels.
func (j *attentionJob) packDown(s *attentionScratch, dst *lanes, o *Operand, cols, k int) (buf []uint32, size int) {
	units := ceilDiv(k, j.kit.unit)
	size = roundUp(k, panel) / j.kit.unit * panel
	panels := ceilDiv(cols, panel)
	buf = dst.take(panels * size)
	s.gemm = Gemm{K: k}
	s.product = product{Gemm: &s.gemm, kit: j.kit}
	for n := range panels {
		to := buf[n*size : (n+1)*size]
		s.product.zip(&s.pack, to, o, n*panel, min(panel, cols-n*panel), 0, k)
		clear(to[units*panel:])
	}
	return buf, size
}
