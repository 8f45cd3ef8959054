package picture

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

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
		if options, err := t.one(tagGroup3Options, 0); err != nil {
			return nil, err
		} else if t.compression == compressionGroup3 && options&1 != 0 {
			return nil, unsupported("CCITT's group 3 of two dimensions")
		}
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
	case compressionZstd:
		z, err := t.zstandard(packed)
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

// zstandard unpacks a block. A decoder takes more memory than a strip does, so there is one for all of them.
func (t *tiffFile) zstandard(packed []byte) (io.Reader, error) {
	if t.zstd != nil {
		return t.zstd, t.zstd.Reset(bytes.NewReader(packed))
	}
	var err error
	t.zstd, err = zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
	return t.zstd, err
}

// close gives back what unpacking took.
func (t *tiffFile) close() {
	if t.zstd != nil {
		t.zstd.Close()
	}
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
