package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The JPEG decoder is written here because pixels are to agree with libjpeg-turbo's, which Pillow uses, to the bit: the
// standard library's inverse transform and its chroma are other, equally valid, roundings. Baseline, extended and
// progressive pictures of 8 bits with Huffman codes are read, of one, three or four channels at any whole subsampling.

// jpegComponent is one channel.
type jpegComponent struct {
	id, h, v, quant  int
	w, height        int // samples that count
	blocksW, blocksH int // of the plane, whole MCUs
	plane            []uint8
	coefficients     []int16 // progressive: 64 a block, in natural order
	dc               int32   // predictor
}

type jpegDecoder struct {
	data        []byte
	pos         int
	w, h        int
	hMax, vMax  int
	components  []jpegComponent
	progressive bool
	quant       [4][64]int32 // in natural order
	quantSet    [4]bool
	huffman     [2][4]huffmanTable
	restart     int
	jfif        bool
	adobe       int // the transform that Adobe's segment names, −1 without one

	inksAsTheyAre bool // CMYK is not inverted: in TIFF
	scans         int
	covered       int // components that had a first scan
	seen          [4]bool
}

// maxScans stops files that make work out of nothing; real progressive files have about ten.
const maxScans = 500

// Markers, the second byte of each.
const (
	markerSOF0  = 0xc0
	markerSOF1  = 0xc1
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerRST0  = 0xd0
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAPP14 = 0xee
	markerTEM   = 0x01
)

// zigzag gives the natural place of each coefficient in the order of the file.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

func jpegConfig(data []byte) (w, h int, err error) {
	d := jpegDecoder{data: data, pos: 2, adobe: -1}
	err = d.segments(true)
	return d.w, d.h, err
}

func jpegDecode(data []byte) (*RGBA, error) {
	d := jpegDecoder{data: data, pos: 2, adobe: -1}
	return d.decode()
}

func (d *jpegDecoder) decode() (*RGBA, error) {
	if err := d.segments(false); err != nil {
		return nil, err
	}
	if d.progressive {
		for i := range d.components {
			d.transformAll(&d.components[i])
		}
	}
	return d.picture()
}

// segments walks the file to its end, or to the frame header only.
func (d *jpegDecoder) segments(headerOnly bool) error {
	for {
		marker, err := d.nextMarker()
		if err != nil {
			return err
		}
		switch {
		case marker == markerEOI:
			if d.components == nil || d.covered != len(d.components) {
				return errors.New("the picture ends before its data")
			}
			return nil
		case marker >= markerRST0 && marker <= markerSOI, marker == markerTEM:
			continue
		}
		if len(d.data)-d.pos < 2 {
			return io.ErrUnexpectedEOF
		}
		n := int(binary.BigEndian.Uint16(d.data[d.pos:]))
		if n < 2 || n > len(d.data)-d.pos {
			return io.ErrUnexpectedEOF
		}
		segment := d.data[d.pos+2 : d.pos+n]
		d.pos += n
		switch marker {
		case markerSOF0, markerSOF1, markerSOF2:
			if err := d.frame(segment, marker == markerSOF2); err != nil || headerOnly {
				return err
			}
			d.allocate()
		case markerDHT:
			err = d.huffmanTables(segment)
		case markerDQT:
			err = d.quantTables(segment)
		case markerDRI:
			if len(segment) != 2 {
				return errors.New("restart interval of a wrong length")
			}
			d.restart = int(binary.BigEndian.Uint16(segment))
		case markerSOS:
			if d.components == nil {
				return errors.New("scan before the frame header")
			}
			err = d.scan(segment)
		case markerAPP0:
			d.jfif = d.jfif || len(segment) >= 12 && bytes.HasPrefix(segment, []byte("JFIF\x00"))
		case markerAPP14:
			if len(segment) >= 12 && bytes.HasPrefix(segment, []byte("Adobe")) {
				d.adobe = int(segment[11])
			}
		case 0xc3, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf:
			err = unsupported("coding process %#x (lossless, hierarchical or arithmetic)", marker)
		}
		if err != nil {
			return err
		}
	}
}

// nextMarker skips to the next marker, over rubbish between segments as libjpeg does.
func (d *jpegDecoder) nextMarker() (byte, error) {
	for d.pos+1 < len(d.data) {
		if d.data[d.pos] == 0xff && d.data[d.pos+1] != 0 && d.data[d.pos+1] != 0xff {
			m := d.data[d.pos+1]
			d.pos += 2
			return m, nil
		}
		d.pos++
	}
	return 0, io.ErrUnexpectedEOF
}

func (d *jpegDecoder) frame(s []byte, progressive bool) error {
	if d.components != nil {
		return errors.New("second frame header")
	}
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return errors.New("frame header of a wrong length")
	}
	if s[0] != 8 {
		return unsupported("%d bits a sample", s[0])
	}
	d.progressive = progressive
	d.h, d.w = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	if d.w == 0 || d.h == 0 {
		return fmt.Errorf("size is %d×%d", d.w, d.h)
	}
	n := int(s[5])
	if n != 1 && n != 3 && n != 4 {
		return unsupported("%d channels", n)
	}
	d.components = make([]jpegComponent, n)
	for i := range d.components {
		p := s[6+3*i:]
		c := &d.components[i]
		c.id, c.h, c.v, c.quant = int(p[0]), int(p[1]>>4), int(p[1]&15), int(p[2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quant > 3 {
			return errors.New("channel with an impossible sampling or table")
		}
		d.hMax, d.vMax = max(d.hMax, c.h), max(d.vMax, c.v)
	}
	for i := range d.components {
		c := &d.components[i]
		if d.hMax%c.h != 0 || d.vMax%c.v != 0 {
			return unsupported("fractional subsampling")
		}
		c.w, c.height = ceilDiv(d.w*c.h, d.hMax), ceilDiv(d.h*c.v, d.vMax)
		c.blocksW, c.blocksH = ceilDiv(d.w, 8*d.hMax)*c.h, ceilDiv(d.h, 8*d.vMax)*c.v
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// allocate makes room for the samples, and for the coefficients of a progressive picture, which come in several scans.
func (d *jpegDecoder) allocate() {
	for i := range d.components {
		c := &d.components[i]
		c.plane = make([]uint8, 64*c.blocksW*c.blocksH)
		if d.progressive {
			c.coefficients = make([]int16, 64*c.blocksW*c.blocksH)
		}
	}
}

func (d *jpegDecoder) quantTables(s []byte) error {
	for len(s) > 0 {
		wide, id := s[0]>>4, s[0]&15
		size := 64 * (1 + int(wide))
		if wide > 1 || id > 3 || len(s) < 1+size {
			return errors.New("bad quantisation table")
		}
		for i, at := range zigzag {
			if wide == 1 {
				d.quant[id][at] = int32(binary.BigEndian.Uint16(s[1+2*i:]))
			} else {
				d.quant[id][at] = int32(s[1+i])
			}
		}
		d.quantSet[id] = true
		s = s[1+size:]
	}
	return nil
}

// picture upsamples the channels and turns them into colours.
func (d *jpegDecoder) picture() (*RGBA, error) {
	out := NewRGBA(d.w, d.h)
	ups := make([]*upsampler, len(d.components))
	for i := range d.components {
		c := &d.components[i]
		ups[i] = newUpsampler(plane{c.plane, 8 * c.blocksW, c.w, c.height}, d.hMax/c.h, d.vMax/c.v)
	}
	convert := d.colours()
	lines := make([][]uint8, len(ups))
	for y := range d.h {
		for i, u := range ups {
			lines[i] = u.line(y)
		}
		convert(out.Pix[4*y*d.w:4*(y+1)*d.w], lines)
	}
	return out, nil
}

// colours picks the conversion by libjpeg's rules: JFIF's word first, then Adobe's, then the names of the channels.
func (d *jpegDecoder) colours() func(dst []uint8, lines [][]uint8) {
	switch len(d.components) {
	case 1:
		return greyLine
	case 3:
		ids := [3]int{d.components[0].id, d.components[1].id, d.components[2].id}
		if !d.jfif && (d.adobe == 0 || d.adobe < 0 && ids == [3]int{'R', 'G', 'B'}) {
			return rgbLine
		}
		return yccLine
	}
	if d.inksAsTheyAre {
		return inkLine
	}
	if d.adobe > 0 {
		return ycckLine
	}
	return cmykLine
}
