package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

// TIFF is read here because the kinds that Pillow reads and a photographer's or a scanner's file has are more than other
// Go packages have: files of either size of places, grey and palette of 1 to 16 bits, RGB, CMYK, alpha, integers and floats, in strips or tiles, plain or
// packed (PackBits, LZW, deflate, Zstandard, CCITT's group 3 and 4, JPEG). Of several pictures in a file the first is read.

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
	tagGroup3Options    = 292
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
	compressionZstd     = 50000
)

// tiffFile is a file and its first directory.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder
	tags  map[uint16]tiffTag

	w, h             int
	bits, samples    int
	compression      int
	photometric      int
	planar           bool // one plane a sample, instead of samples side by side
	predictor        int
	format           int // of samples: 1 unsigned, 2 signed, 3 float
	blockW, blockH   int // of strips or tiles
	offsets, lengths []int

	zstd *zstd.Decoder // for all blocks
}

// isTIFF knows both orders of bytes and both sizes of places.
var isTIFF = prefixed("II*\x00", "MM\x00*", "II+\x00", "MM\x00+")

// tiffTag is an entry of the directory: so many numbers of a type, which stand in place, or where that points.
type tiffTag struct {
	kind  uint16
	count uint64
	place []byte // 4 bytes, 8 in a BigTIFF
}

func tiffConfig(data []byte) (w, h int, err error) {
	t, err := openTIFF(data)
	if err != nil {
		return 0, 0, err
	}
	return t.w, t.h, nil
}

// openTIFF reads the directory, and what a picture needs of it.
func openTIFF(data []byte) (*tiffFile, error) {
	t, err := tiffDirectory(data)
	if err != nil {
		return nil, err
	}
	return t, t.read()
}

// tiffDirectory reads the first directory, as far as it is there.
func tiffDirectory(data []byte) (*tiffFile, error) {
	t := &tiffFile{data: data, order: binary.LittleEndian, tags: map[uint16]tiffTag{}}
	if len(data) < 16 {
		return t, io.ErrUnexpectedEOF
	}
	if data[0] == 'M' {
		t.order = binary.BigEndian
	}
	// A BigTIFF has places of 8 bytes.
	wide := 4
	at := uint64(t.order.Uint32(data[4:]))
	if t.order.Uint16(data[2:]) == bigTIFF {
		wide, at = 8, t.order.Uint64(data[8:])
	}
	head, entry := 2*(wide/4)*(wide/4), 4+2*wide
	if at > uint64(len(data)) || uint64(len(data))-at < uint64(head) {
		return t, io.ErrUnexpectedEOF
	}
	rest := data[at:]
	n := uint64(t.order.Uint16(rest))
	if wide == 8 {
		n = t.order.Uint64(rest)
	}
	rest = rest[head:]
	for range n {
		if len(rest) < entry {
			return t, io.ErrUnexpectedEOF
		}
		if tag := t.order.Uint16(rest); t.tags[tag].place == nil {
			t.tags[tag] = tiffTag{t.order.Uint16(rest[2:]), t.place(rest[4 : 4+wide]), rest[4+wide : entry]}
		}
		rest = rest[entry:]
	}
	return t, nil
}

// bigTIFF stands where other files have 42.
const bigTIFF = 43

// place is a number of 4 or 8 bytes.
func (t *tiffFile) place(b []byte) uint64 {
	if len(b) == 8 {
		return t.order.Uint64(b)
	}
	return uint64(t.order.Uint32(b))
}

// values are a tag's numbers; none where the tag is not there.
func (t *tiffFile) values(tag uint16) ([]int, error) {
	raw, kind, err := t.raw(tag)
	if err != nil || raw == nil {
		return nil, err
	}
	size := map[uint16]int{1: 1, 3: 2, 4: 4, 16: 8}[kind]
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
		case 8:
			out[i] = int(min(t.order.Uint64(v), math.MaxInt32))
		}
	}
	return out, nil
}

// raw is a tag's bytes and their type.
func (t *tiffFile) raw(tag uint16) (raw []byte, kind uint16, err error) {
	entry := t.tags[tag]
	if entry.place == nil {
		return nil, 0, nil
	}
	size := map[uint16]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}[entry.kind]
	n := size * min(entry.count, maxTIFFValues)
	if n <= uint64(len(entry.place)) {
		return entry.place[:n], entry.kind, nil
	}
	at := t.place(entry.place)
	if n > maxTIFFValues || at > uint64(len(t.data)) || n > uint64(len(t.data))-at {
		return nil, 0, fmt.Errorf("tag %d: %w", tag, io.ErrUnexpectedEOF)
	}
	return t.data[at : at+n], entry.kind, nil
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
	if t.tags[tagTileOffsets].place == nil {
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
	defer t.close()
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

// undoPredictor adds up rows that were stored as differences of neighbours.
func (t *tiffFile) undoPredictor(raw []byte, rows, samples int) error {
	switch t.compression {
	case compressionLZW, compressionDeflate, compressionDeflate2, compressionZstd:
	default:
		return nil
	}
	size := t.bits / 8
	stride := t.blockW * samples * size
	switch {
	case t.predictor == 1:
		return nil
	case t.predictor == 3 && t.format == 3 && t.bits == 32:
		t.joinFloats(raw, rows, samples)
		return nil
	case t.predictor != 2 || t.bits != 8 && t.bits != 16 && t.bits != 32:
		return unsupported("predictor %d with samples of %d bits", t.predictor, t.bits)
	}
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

// joinFloats puts rows of floats together that were stored as all their highest bytes, all their second ones, and so on, each as the
// difference of its neighbour.
func (t *tiffFile) joinFloats(raw []byte, rows, samples int) {
	n := t.blockW * samples
	apart := make([]byte, 4*n)
	for y := range rows {
		row := raw[4*n*y : 4*n*(y+1)]
		for i := samples; i < len(row); i++ {
			row[i] += row[i-samples]
		}
		copy(apart, row)
		for i := range n {
			t.order.PutUint32(row[4*i:], binary.BigEndian.Uint32([]byte{apart[i], apart[n+i], apart[2*n+i], apart[3*n+i]}))
		}
	}
}

// unpack reads a row of samples; to has step places for each.
func (t *tiffFile) unpack(to []uint32, step int, raw []byte, samples int) {
	for i := range t.blockW * samples {
		var v uint32
		switch t.bits {
		case 8:
			v = uint32(raw[i])
		case 12:
			v = uint32(raw[i*3/2])<<8 | uint32(raw[i*3/2+1])
			if i%2 == 0 {
				v >>= 4
			}
			v &= 1<<12 - 1
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
