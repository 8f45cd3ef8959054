package picture

import (
	"errors"
	"fmt"
	"io"
)

// jpegScan is one pass over some of the channels: all of each block of a baseline picture, or a range of coefficients, at
// a number of bits, of a progressive one.
type jpegScan struct {
	*jpegDecoder
	bits           bitReader
	parts          []scanPart
	first, last    int  // coefficients, in the order of the file
	high, low      uint // bit positions: what was sent before, and what this scan sends
	endOfBand      int32
	restartsToCome int
}

type scanPart struct {
	*jpegComponent
	dcTable, acTable *huffmanTable
}

func (d *jpegDecoder) scan(header []byte) error {
	if d.scans++; d.scans > maxScans {
		return fmt.Errorf("more than %d scans", maxScans)
	}
	s, err := d.newScan(header)
	if err != nil {
		return err
	}
	s.bits = bitReader{data: d.data, pos: d.pos}
	if err := s.run(); err != nil {
		return err
	}
	d.pos = s.bits.pos
	for _, p := range s.parts {
		if i := d.indexOf(p.id); s.first == 0 && !d.seen[i] {
			d.seen[i] = true
			d.covered++
		}
	}
	return nil
}

func (d *jpegDecoder) indexOf(id int) int {
	for i := range d.components {
		if d.components[i].id == id {
			return i
		}
	}
	return -1
}

func (d *jpegDecoder) newScan(header []byte) (*jpegScan, error) {
	if len(header) < 1 || len(header) != 4+2*int(header[0]) || header[0] < 1 || int(header[0]) > len(d.components) {
		return nil, errors.New("scan header of a wrong length")
	}
	s := &jpegScan{jpegDecoder: d, last: 63}
	used, blocks := map[int]bool{}, 0
	for k := range int(header[0]) {
		p := header[1+2*k:]
		i, dc, ac := d.indexOf(int(p[0])), p[1]>>4, p[1]&15
		if i < 0 || used[i] || dc > 3 || ac > 3 {
			return nil, errors.New("scan of a channel that is not there, or twice")
		}
		used[i] = true
		c := &d.components[i]
		if !d.quantSet[c.quant] {
			return nil, errors.New("quantisation table is missing")
		}
		s.parts = append(s.parts, scanPart{c, &d.huffman[0][dc], &d.huffman[1][ac]})
		blocks += c.h * c.v
	}
	if len(s.parts) > 1 && blocks > 10 {
		return nil, errors.New("more than ten blocks in a unit")
	}
	if d.progressive {
		p := header[len(header)-3:]
		s.first, s.last, s.high, s.low = int(p[0]), int(p[1]), uint(p[2]>>4), uint(p[2]&15)
		if s.first > s.last || s.last > 63 || s.first == 0 && s.last != 0 || s.first > 0 && len(s.parts) != 1 ||
			s.low > 13 || s.high != 0 && s.high != s.low+1 {
			return nil, errors.New("progressive scan of an impossible range")
		}
	}
	if !d.progressive {
		if err := d.assumeTables(); err != nil {
			return nil, err
		}
	}
	return s, s.checkTables()
}

// checkTables makes sure of the Huffman tables that the scan will use.
func (s *jpegScan) checkTables() error {
	needDC := s.first == 0 && s.high == 0
	needAC := s.last > 0
	for _, p := range s.parts {
		if needDC && !p.dcTable.set || needAC && !p.acTable.set {
			return errors.New("huffman table is missing")
		}
	}
	return nil
}

// run goes over the scan's units: single blocks of one channel, or of several channels the blocks that cover one area.
func (s *jpegScan) run() error {
	for _, p := range s.parts {
		p.dc = 0
	}
	s.restartsToCome = s.restart
	if len(s.parts) == 1 {
		// A channel alone has only the blocks that it needs, not those that fill up units.
		p := s.parts[0]
		w, h := ceilDiv(p.w, 8), ceilDiv(p.height, 8)
		for y := range h {
			for x := range w {
				if err := s.restartIfDue(); err != nil {
					return err
				}
				if err := s.block(p, x, y); err != nil {
					return err
				}
			}
			if s.bits.exhausted() {
				return io.ErrUnexpectedEOF
			}
		}
		return nil
	}
	w, h := ceilDiv(s.w, 8*s.hMax), ceilDiv(s.h, 8*s.vMax)
	for y := range h {
		for x := range w {
			if err := s.restartIfDue(); err != nil {
				return err
			}
			for _, p := range s.parts {
				for k := range p.h * p.v {
					if err := s.block(p, x*p.h+k%p.h, y*p.v+k/p.h); err != nil {
						return err
					}
				}
			}
		}
		if s.bits.exhausted() {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// restartIfDue expects a restart marker after each interval, and begins anew there.
func (s *jpegScan) restartIfDue() error {
	if s.restart == 0 {
		return nil
	}
	if s.restartsToCome > 0 {
		s.restartsToCome--
		return nil
	}
	if s.bits.exhausted() {
		return io.ErrUnexpectedEOF
	}
	b := &s.bits
	for b.pos+1 < len(b.data) && b.data[b.pos] == 0xff && b.data[b.pos+1] == 0xff {
		b.pos++
	}
	if b.pos+1 >= len(b.data) {
		return io.ErrUnexpectedEOF
	}
	if b.data[b.pos] != 0xff || b.data[b.pos+1]&^7 != markerRST0 {
		return errors.New("restart marker is missing")
	}
	b.pos += 2
	b.reset()
	for _, p := range s.parts {
		p.dc = 0
	}
	s.endOfBand = 0
	s.restartsToCome = s.restart - 1
	return nil
}

func (s *jpegScan) block(p scanPart, x, y int) error {
	at := y*p.blocksW + x
	if !s.progressive {
		var block [64]int16
		if err := s.baseline(p, &block); err != nil {
			return err
		}
		inverseDCT(p.plane[8*(y*8*p.blocksW+x):], 8*p.blocksW, &block, &s.quant[p.quant])
		return nil
	}
	block := (*[64]int16)(p.coefficients[64*at:])
	switch {
	case s.first == 0 && s.high == 0:
		return s.firstDC(p, block)
	case s.first == 0:
		block[0] |= int16(s.bits.bit() << s.low)
		return nil
	case s.high == 0:
		return s.firstAC(p, block)
	}
	return s.refineAC(p, block)
}

func (s *jpegScan) baseline(p scanPart, block *[64]int16) error {
	if err := s.firstDC(p, block); err != nil {
		return err
	}
	for k := 1; k < 64; k++ {
		v, err := s.bits.symbol(p.acTable)
		if err != nil {
			return err
		}
		run, size := int(v>>4), uint(v&15)
		if size == 0 {
			if run != 15 {
				return nil
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return errors.New("coefficients run over the block")
		}
		block[zigzag[k]] = int16(s.bits.extended(size))
	}
	return nil
}

func (s *jpegScan) firstDC(p scanPart, block *[64]int16) error {
	size, err := s.bits.symbol(p.dcTable)
	if err != nil {
		return err
	}
	if size > 15 {
		return errHuffmanCode
	}
	p.dc += s.bits.extended(uint(size))
	block[0] = int16(p.dc << s.low)
	return nil
}

func (s *jpegScan) firstAC(p scanPart, block *[64]int16) error {
	if s.endOfBand > 0 {
		s.endOfBand--
		return nil
	}
	for k := s.first; k <= s.last; k++ {
		v, err := s.bits.symbol(p.acTable)
		if err != nil {
			return err
		}
		run, size := int(v>>4), uint(v&15)
		if size == 0 {
			if run != 15 {
				s.endOfBand = 1<<run + s.bits.bits(uint(run)) - 1
				return nil
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return errors.New("coefficients run over the block")
		}
		block[zigzag[k]] = int16(s.bits.extended(size) << s.low)
	}
	return nil
}

// refineAC sends one more bit of each coefficient that is not zero, and places those that become ±1 at this bit; runs count
// only coefficients that are still zero.
func (s *jpegScan) refineAC(p scanPart, block *[64]int16) error {
	k := s.first
	if s.endOfBand == 0 {
		for ; k <= s.last; k++ {
			v, err := s.bits.symbol(p.acTable)
			if err != nil {
				return err
			}
			run, size := int(v>>4), v&15
			var fresh int16
			switch {
			case size == 1:
				fresh = -1 << s.low
				if s.bits.bit() == 1 {
					fresh = 1 << s.low
				}
			case size != 0:
				return errHuffmanCode
			case run != 15:
				s.endOfBand = 1<<run + s.bits.bits(uint(run))
			}
			if s.endOfBand > 0 {
				break
			}
			k = s.refineRun(block, k, run)
			if k > s.last {
				if fresh != 0 {
					return errors.New("coefficients run over the band")
				}
				break
			}
			if fresh != 0 {
				block[zigzag[k]] = fresh
			}
		}
	}
	if s.endOfBand > 0 {
		s.endOfBand--
		s.refineRun(block, k, 64)
	}
	return nil
}

// refineRun refines what is not zero from k on, and returns the place of the zero after a run of zeros.
func (s *jpegScan) refineRun(block *[64]int16, k, run int) int {
	for ; k <= s.last; k++ {
		c := &block[zigzag[k]]
		if *c == 0 {
			if run == 0 {
				return k
			}
			run--
			continue
		}
		if s.bits.bit() == 0 || *c&(1<<s.low) != 0 {
			continue
		}
		if *c > 0 {
			*c += 1 << s.low
		} else {
			*c -= 1 << s.low
		}
	}
	return k
}
