package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// TIFF is read here because the kinds that Pillow reads and a photographer's or a scanner's file has are more than other
// Go packages have: grey and palette of 1 to 16 bits, RGB, CMYK, alpha, integers and floats, in strips or tiles, plain or
// packed (PackBits, LZW, deflate, CCITT's group 3 and 4, JPEG). Of several pictures in a file the first is read.

// The tags that are read.
const (
	tagWidth            = 256
	tagHeight           = 257
	tagBitsPerSample    = 258
	tagCompression      = 259
	tagPhotometric      = 262
	tagFillOrder        = 266
	tagStripOffsets     = 273
	tagSamplesPerPixel  = 277
	tagRowsPerStrip     = 278
	tagStripByteCounts  = 279
	tagPlanarConfig     = 284
	tagPredictor        = 317
	tagColorMap         = 320
	tagTileWidth        = 322
	tagTileHeight       = 323
	tagTileOffsets      = 324
	tagTileByteCounts   = 325
	tagExtraSamples     = 338
	tagSampleFormat     = 339
	tagJPEGTables       = 347
	maxTIFFSamples      = 8
	maxTIFFValues       = 1 << 22
	compressionNone     = 1
	compressionGroup3   = 3
	compressionGroup4   = 4
	compressionLZW      = 5
	compressionJPEG     = 7
	compressionDeflate  = 8
	compressionDeflate2 = 32946
	compressionPackBits = 32773
)

// tiffFile is a file and its first directory.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder
	tags  map[uint16][]byte // a tag's entry, 12 bytes

	w, h             int
	bits, samples    int
	compression      int
	photometric      int
	planar           bool // one plane a sample, instead of samples side by side
	predictor        int
	format           int // of samples: 1 unsigned, 2 signed, 3 float
	blockW, blockH   int // of strips or tiles
	offsets, lengths []int
}

func tiffConfig(data []byte) (w, h int, err error) {
	t, err := openTIFF(data)
	if err != nil {
		return 0, 0, err
	}
	return t.w, t.h, nil
}

// openTIFF reads the directory.
func openTIFF(data []byte) (*tiffFile, error) {
	t := &tiffFile{data: data, order: binary.LittleEndian, tags: map[uint16][]byte{}}
	if len(data) < 8 {
		return nil, io.ErrUnexpectedEOF
	}
	if data[0] == 'M' {
		t.order = binary.BigEndian
	}
	at := uint64(t.order.Uint32(data[4:]))
	if at+2 > uint64(len(data)) {
		return nil, io.ErrUnexpectedEOF
	}
	rest := data[at+2:]
	for range t.order.Uint16(data[at:]) {
		if len(rest) < 12 {
			return nil, io.ErrUnexpectedEOF
		}
		if tag := t.order.Uint16(rest); t.tags[tag] == nil {
			t.tags[tag] = rest[:12]
		}
		rest = rest[12:]
	}
	return t, t.read()
}

// values are a tag's numbers; none where the tag is not there.
func (t *tiffFile) values(tag uint16) ([]int, error) {
	raw, kind, err := t.raw(tag)
	if err != nil || raw == nil {
		return nil, err
	}
	size := map[uint16]int{1: 1, 3: 2, 4: 4}[kind]
	if size == 0 {
		return nil, fmt.Errorf("tag %d is of type %d", tag, kind)
	}
	out := make([]int, len(raw)/size)
	for i := range out {
		switch v := raw[i*size:]; size {
		case 1:
			out[i] = int(v[0])
		case 2:
			out[i] = int(t.order.Uint16(v))
		case 4:
			out[i] = int(t.order.Uint32(v))
		}
	}
	return out, nil
}

// raw is a tag's bytes and their type.
func (t *tiffFile) raw(tag uint16) (raw []byte, kind uint16, err error) {
	entry := t.tags[tag]
	if entry == nil {
		return nil, 0, nil
	}
	kind = t.order.Uint16(entry[2:])
	size := map[uint16]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind]
	n := size * uint64(t.order.Uint32(entry[4:]))
	if n <= 4 {
		return entry[8 : 8+n], kind, nil
	}
	at := uint64(t.order.Uint32(entry[8:]))
	if n > maxTIFFValues || at+n > uint64(len(t.data)) {
		return nil, 0, fmt.Errorf("tag %d: %w", tag, io.ErrUnexpectedEOF)
	}
	return t.data[at : at+n], kind, nil
}

// one is a tag's first number, or what it is where it is not there.
func (t *tiffFile) one(tag uint16, absent int) (int, error) {
	v, err := t.values(tag)
	if err != nil || len(v) == 0 {
		return absent, err
	}
	return v[0], nil
}

// read checks the directory's numbers.
func (t *tiffFile) read() error {
	for _, f := range []struct {
		to     *int
		tag    uint16
		absent int
	}{
		{&t.w, tagWidth, 0},
		{&t.h, tagHeight, 0},
		{&t.bits, tagBitsPerSample, 1},
		{&t.samples, tagSamplesPerPixel, 1},
		{&t.compression, tagCompression, compressionNone},
		{&t.photometric, tagPhotometric, 0},
		{&t.predictor, tagPredictor, 1},
		{&t.format, tagSampleFormat, 1},
		{&t.blockW, tagTileWidth, 0},
		{&t.blockH, tagTileHeight, 0},
	} {
		var err error
		if *f.to, err = t.one(f.tag, f.absent); err != nil {
			return err
		}
	}
	all, err := t.values(tagBitsPerSample)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b != t.bits {
			return unsupported("samples of %v bits", all)
		}
	}
	if t.samples < 1 || t.samples > maxTIFFSamples {
		return unsupported("%d samples a pixel", t.samples)
	}
	planar, err := t.one(tagPlanarConfig, 1)
	if err != nil {
		return err
	}
	t.planar = planar == 2 && t.samples > 1
	return t.readBlocks()
}

// readBlocks finds the strips or tiles.
func (t *tiffFile) readBlocks() (err error) {
	offsets, lengths := uint16(tagTileOffsets), uint16(tagTileByteCounts)
	if t.tags[tagTileOffsets] == nil {
		offsets, lengths = tagStripOffsets, tagStripByteCounts
		t.blockW = t.w
		if t.blockH, err = t.one(tagRowsPerStrip, t.h); err != nil {
			return err
		}
		t.blockH = min(t.blockH, t.h)
	}
	if t.offsets, err = t.values(offsets); err != nil {
		return err
	}
	if t.lengths, err = t.values(lengths); err != nil {
		return err
	}
	if t.lengths == nil && len(t.offsets) == 1 && t.offsets[0] < len(t.data) {
		t.lengths = []int{len(t.data) - t.offsets[0]}
	}
	return nil
}

func tiffDecode(data []byte) (*RGBA, error) {
	t, err := openTIFF(data)
	if err != nil {
		return nil, err
	}
	// A tile may be larger than the picture, but not by much more than people have them.
	const widest = 1 << 12
	if t.blockW < 1 || t.blockH < 1 || t.blockW > t.w+widest || t.blockH > t.h+widest {
		return nil, fmt.Errorf("blocks of %d×%d", t.blockW, t.blockH)
	}
	colours, err := t.colours()
	if err != nil {
		return nil, err
	}
	across, down := ceilDiv(t.w, t.blockW), ceilDiv(t.h, t.blockH)
	planes, inBlock := 1, t.samples
	if t.planar {
		planes, inBlock = t.samples, 1
	}
	if n := across * down * planes; len(t.offsets) < n || len(t.lengths) < n {
		return nil, fmt.Errorf("%d blocks of %d", min(len(t.offsets), len(t.lengths)), n)
	}
	var out *RGBA // made once the first block was there: a header alone takes no memory
	row := make([]uint32, t.blockW*t.samples)
	for i := range across * down {
		x, y := i%across*t.blockW, i/across*t.blockH
		w, h := min(t.blockW, t.w-x), min(t.blockH, t.h-y)
		blocks := make([][]byte, planes)
		for p := range blocks {
			if blocks[p], err = t.block(p*across*down+i, h, inBlock); err != nil {
				return nil, err
			}
		}
		if out == nil {
			out = NewRGBA(t.w, t.h)
		}
		if t.compression == compressionJPEG {
			if err := t.jpegBlock(out, x, y, w, h, blocks[0]); err != nil {
				return nil, err
			}
			continue
		}
		stride := ceilDiv(t.blockW*inBlock*t.bits, 8)
		for line := range h {
			for p, b := range blocks {
				t.unpack(row[p:], planes, b[line*stride:(line+1)*stride], inBlock)
			}
			colours(out.Pix[4*((y+line)*t.w+x):][:4*w], row)
		}
	}
	return out, nil
}

// block unpacks a strip or tile, as far as its first rows. A JPEG one stays as it is.
func (t *tiffFile) block(i, rows, samples int) ([]byte, error) {
	from, n := t.offsets[i], t.lengths[i]
	if from < 0 || n < 0 || from > len(t.data) || n > len(t.data)-from {
		return nil, io.ErrUnexpectedEOF
	}
	packed := t.data[from : from+n]
	if order, err := t.one(tagFillOrder, 1); err != nil {
		return nil, err
	} else if order == 2 && t.compression != compressionJPEG {
		packed = bytes.Clone(packed)
		for k, b := range packed {
			packed[k] = bits.Reverse8(b)
		}
	}
	size := ceilDiv(t.blockW*samples*t.bits, 8) * rows
	var r io.Reader
	switch t.compression {
	case compressionNone:
		r = bytes.NewReader(packed)
	case compressionGroup3, compressionGroup4:
		kind := ccitt.Group3
		if t.compression == compressionGroup4 {
			kind = ccitt.Group4
		}
		r = ccitt.NewReader(bytes.NewReader(packed), ccitt.MSB, kind, t.blockW, rows, &ccitt.Options{Invert: true})
	case compressionLZW:
		r = lzw.NewReader(bytes.NewReader(packed), lzw.MSB, 8)
	case compressionDeflate, compressionDeflate2:
		z, err := zlib.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		r = z
	case compressionPackBits:
		r = bytes.NewReader(unpackBits(packed, size))
	case compressionJPEG:
		return packed, nil
	default:
		return nil, unsupported("compression %d", t.compression)
	}
	raw, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err == nil && len(raw) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return raw, t.undoPredictor(raw, rows, samples)
}

// unpackBits undoes runs: n+1 bytes as they are, or one byte 1−n times.
func unpackBits(packed []byte, size int) []byte {
	var out []byte
	for len(packed) > 1 && len(out) < size {
		n := int(int8(packed[0]))
		switch {
		case n >= 0:
			n = min(n+1, len(packed)-1)
			out = append(out, packed[1:1+n]...)
			packed = packed[1+n:]
		case n == -128:
			packed = packed[1:]
		default:
			out = append(out, bytes.Repeat(packed[1:2], 1-n)...)
			packed = packed[2:]
		}
	}
	return out
}

// undoPredictor adds up rows that were stored as differences of neighbours.
func (t *tiffFile) undoPredictor(raw []byte, rows, samples int) error {
	if t.predictor == 1 || t.compression != compressionLZW && t.compression != compressionDeflate && t.compression != compressionDeflate2 {
		return nil
	}
	if t.predictor != 2 || t.bits < 8 {
		return unsupported("predictor %d with samples of %d bits", t.predictor, t.bits)
	}
	size := t.bits / 8
	stride := t.blockW * samples * size
	for y := range rows {
		row := raw[y*stride : (y+1)*stride]
		for i := samples * size; i < stride; i += size {
			before, here := row[i-samples*size:], row[i:]
			switch size {
			case 1:
				here[0] += before[0]
			case 2:
				t.order.PutUint16(here, t.order.Uint16(here)+t.order.Uint16(before))
			case 4:
				t.order.PutUint32(here, t.order.Uint32(here)+t.order.Uint32(before))
			}
		}
	}
	return nil
}

// unpack reads a row of samples; to has step places for each.
func (t *tiffFile) unpack(to []uint32, step int, raw []byte, samples int) {
	for i := range t.blockW * samples {
		var v uint32
		switch t.bits {
		case 8:
			v = uint32(raw[i])
		case 16:
			v = uint32(t.order.Uint16(raw[2*i:]))
		case 32:
			v = t.order.Uint32(raw[4*i:])
		default:
			at := i * t.bits
			v = uint32(raw[at/8]>>(8-t.bits-at%8)) & (1<<t.bits - 1)
		}
		to[i*step] = v
	}
}

var errTIFFTables = errors.New("the JPEG tables do not fit")

// jpegBlock decodes a strip or tile that is a JPEG picture without its tables.
func (t *tiffFile) jpegBlock(out *RGBA, x, y, w, h int, packed []byte) error {
	tables, _, err := t.raw(tagJPEGTables)
	if err != nil {
		return err
	}
	d := jpegDecoder{adobe: -1}
	if tables != nil {
		if len(tables) < 4 {
			return errTIFFTables
		}
		packed = append(bytes.Clone(tables[:len(tables)-2]), packed[min(2, len(packed)):]...) // one end, one start too many
	}
	d.data, d.pos = packed, 2
	if t.photometric == photoRGB {
		d.adobe = 0
	}
	// The size is looked at before anything is allocated.
	if bw, bh, err := jpegConfig(packed); err != nil {
		return err
	} else if bw < w || bh < h || bw > t.blockW || bh > t.blockH {
		return fmt.Errorf("a JPEG block of %d×%d for one of %d×%d", bw, bh, w, h)
	}
	d.inksAsTheyAre = true
	part, err := d.decode()
	if err != nil {
		return err
	}
	for line := range h {
		copy(out.Pix[4*((y+line)*t.w+x):][:4*w], part.Pix[4*line*part.W:])
	}
	return nil
}
