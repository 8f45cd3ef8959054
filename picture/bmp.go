package picture

import (
	"encoding/binary"
	"errors"
	"io"
)

// How a BMP's pixels are packed.
const (
	bmpRaw       = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitfields = 3
)

// bmpFile is what a BMP's header says.
type bmpFile struct {
	w, h        int
	bits        int
	compression uint32
	topDown     bool
	pixels      int        // where they begin
	palette     [][3]uint8 // red, green, blue
	layout      bmpLayout
}

// bmpLayout is in which byte of a pixel of 24 or 32 bits each colour lies, -1: nowhere.
type bmpLayout struct{ r, g, b, a int }

// bmpLayouts are the masks of red, green, blue and alpha that Pillow knows at 32 bits.
var bmpLayouts = map[[4]uint32]bmpLayout{
	{0xff0000, 0xff00, 0xff, 0}:          {2, 1, 0, -1},
	{0xff000000, 0xff0000, 0xff00, 0}:    {3, 2, 1, -1},
	{0xff000000, 0xff00, 0xff, 0}:        {3, 1, 0, -1},
	{0xff000000, 0xff0000, 0xff00, 0xff}: {3, 2, 1, 0},
	{0xff, 0xff00, 0xff0000, 0xff000000}: {0, 1, 2, 3},
	{0xff0000, 0xff00, 0xff, 0xff000000}: {2, 1, 0, 3},
	{0xff000000, 0xff00, 0xff, 0xff0000}: {3, 1, 0, 2},
	{0, 0, 0, 0}:                         {2, 1, 0, 3},
}

// readBMPHeader reads all that lies before the pixels.
func readBMPHeader(data []byte) (*bmpFile, error) {
	const fileHeader = 14
	if len(data) < fileHeader+12 {
		return nil, io.ErrUnexpectedEOF
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	size := u32(fileHeader)
	f := &bmpFile{layout: bmpLayout{2, 1, 0, -1}}
	entry, colours := 4, uint32(0)
	switch size {
	case 12:
		f.w, f.h, f.bits, entry = u16(18), u16(20), u16(24), 3
	case 40, 52, 56, 64, 108, 124:
		if len(data) < fileHeader+int(size) {
			return nil, io.ErrUnexpectedEOF
		}
		h := int64(int32(u32(22)))
		if f.topDown = data[25] == 0xff; f.topDown {
			h = -h
		}
		f.w, f.h, f.bits, f.compression, colours = int(int32(u32(18))), int(h), u16(28), u32(30), u32(46)
	default:
		return nil, unsupported("a header of %d bytes", size)
	}
	after := fileHeader + int(size) // of the header
	if f.compression == bmpBitfields {
		if size == 40 {
			after += 12
		}
		if len(data) < after || len(data) < fileHeader+52 {
			return nil, io.ErrUnexpectedEOF
		}
		masks := [4]uint32{u32(54), u32(58), u32(62)}
		if size >= 56 {
			masks[3] = u32(66)
		}
		if err := f.masks(masks); err != nil {
			return nil, err
		}
	}
	if colours == 0 && f.bits <= 8 {
		colours = 1 << f.bits
	}
	f.pixels = int(u32(10))
	if f.bits <= 8 {
		if f.pixels == fileHeader+int(size) { // some writers forget the palette
			f.pixels += entry * int(colours)
		}
		n := min(int(colours), 256)
		if len(data) < after+n*entry {
			return nil, io.ErrUnexpectedEOF
		}
		for at := after; len(f.palette) < n; at += entry {
			f.palette = append(f.palette, [3]uint8{data[at+2], data[at+1], data[at]})
		}
	}
	if f.pixels == 0 {
		f.pixels = after + entry*len(f.palette)
	}
	return f, f.known()
}

// masks finds where colours lie by their masks.
func (f *bmpFile) masks(m [4]uint32) error {
	rgb := [3]uint32(m[:3])
	layout, ok := bmpLayouts[m]
	switch {
	case f.bits == 32 && ok:
		f.layout = layout
	case f.bits == 24 && rgb == [3]uint32{0xff0000, 0xff00, 0xff}:
	case f.bits == 16 && rgb == [3]uint32{0xf800, 0x7e0, 0x1f}:
		f.layout.g = 6 // bits of green
	case f.bits == 16 && rgb == [3]uint32{0x7c00, 0x3e0, 0x1f}:
	default:
		return unsupported("%d bits a pixel with the masks %#x", f.bits, m)
	}
	return nil
}

// known says what is not read.
func (f *bmpFile) known() error {
	switch f.bits {
	case 1, 4, 8, 16, 24, 32:
	default:
		return unsupported("%d bits a pixel", f.bits)
	}
	switch {
	case f.compression == bmpRaw, f.compression == bmpBitfields:
	case f.compression == bmpRLE8 && f.bits == 8, f.compression == bmpRLE4 && f.bits == 4:
	default:
		return unsupported("compression %d at %d bits a pixel", f.compression, f.bits)
	}
	return nil
}

func bmpConfig(data []byte) (w, h int, err error) {
	f, err := readBMPHeader(data)
	if err != nil {
		return 0, 0, err
	}
	return f.w, f.h, nil
}

// bmpDecode reads what Pillow reads, to the same colours: of 32 bits the fourth byte is transparency only where a mask says so.
func bmpDecode(data []byte) (*RGBA, error) {
	f, err := readBMPHeader(data)
	if err != nil {
		return nil, err
	}
	if f.pixels > len(data) {
		return nil, io.ErrUnexpectedEOF
	}
	stride := (f.w*f.bits + 31) / 32 * 4
	rows := data[f.pixels:]
	if f.compression == bmpRLE8 || f.compression == bmpRLE4 {
		stride = f.w
		if rows, err = f.unpack(data, f.pixels); err != nil {
			return nil, err
		}
		f.bits = 8
	}
	last := (f.w*f.bits + 7) / 8 // of a row; some files end without the last one's padding
	if (len(rows)-last)/stride < f.h-1 || len(rows) < last {
		return nil, io.ErrUnexpectedEOF
	}
	m := NewRGBA(f.w, f.h)
	for y := range f.h {
		at := y
		if !f.topDown {
			at = f.h - 1 - y
		}
		f.row(m.Pix[4*y*f.w:4*(y+1)*f.w], rows[at*stride:at*stride+last])
	}
	return m, nil
}

// row reads one row of pixels.
func (f *bmpFile) row(dst, src []byte) {
	for x := range f.w {
		p := dst[4*x : 4*x+4 : 4*x+4]
		p[3] = 255
		switch f.bits {
		case 1, 4, 8:
			perByte := 8 / f.bits
			shift := (perByte - 1 - x%perByte) * f.bits
			if i := int(src[x/perByte] >> shift & (1<<f.bits - 1)); i < len(f.palette) { // beyond its end is black
				copy(p, f.palette[i][:])
			}
		case 16:
			v := uint32(binary.LittleEndian.Uint16(src[2*x:]))
			p[2] = uint8(v & 31 * 255 / 31)
			if f.layout.g == 6 {
				p[1], p[0] = uint8(v>>5&63*255/63), uint8(v>>11&31*255/31)
			} else {
				p[1], p[0] = uint8(v>>5&31*255/31), uint8(v>>10&31*255/31)
			}
		default:
			s := src[f.bits/8*x:]
			p[0], p[1], p[2] = s[f.layout.r], s[f.layout.g], s[f.layout.b]
			if f.layout.a >= 0 {
				p[3] = s[f.layout.a]
			}
		}
	}
}

var errBMPShort = errors.New("its runs end before the picture does")

// unpack undoes the run-length coding from a place in the file on: an index a byte. What is skipped is index 0.
func (f *bmpFile) unpack(file []byte, at int) ([]byte, error) {
	want, nibbles := f.w*f.h, f.compression == bmpRLE4
	var out []byte
	x := 0 // where in its row the next run begins
	for len(out) < want {
		if at+2 > len(file) {
			return nil, io.ErrUnexpectedEOF
		}
		count, value := int(file[at]), file[at+1]
		at += 2
		switch {
		case count > 0:
			count = max(min(count, f.w-x), 0) // what runs over the row's end is lost
			for i := range count {
				switch {
				case !nibbles:
					out = append(out, value)
				case i%2 == 0:
					out = append(out, value>>4)
				default:
					out = append(out, value&15)
				}
			}
			x += count
		case value == 0: // end of the row
			if over := len(out) % f.w; over > 0 {
				out = append(out, make([]byte, f.w-over)...)
			}
			x = 0
		case value == 1: // end of the picture
			return nil, errBMPShort
		case value == 2: // further right and up
			if at+2 > len(file) {
				return nil, io.ErrUnexpectedEOF
			}
			skip := int(file[at]) + int(file[at+1])*f.w
			at += 2
			out = append(out, make([]byte, min(skip, want-len(out)))...)
			x = len(out) % f.w
		default: // indices as they are, up to an even place in the file
			n := min(int(value), want-len(out))
			size := n
			if nibbles {
				size = (n + 1) / 2
			}
			if at+size > len(file) {
				return nil, io.ErrUnexpectedEOF
			}
			for i := range n {
				if nibbles {
					out = append(out, file[at+i/2]>>(4*(1-i%2))&15)
				} else {
					out = append(out, file[at+i])
				}
			}
			at += size
			at += at % 2
			x += int(value)
		}
	}
	return out, nil
}
