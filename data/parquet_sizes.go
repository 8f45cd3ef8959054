package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// A page may become as many bytes as mostPage; a larger one no more than mostRatio times what it has: pictures do not shrink, and of
// texts there are not that many on a page.
const (
	mostPage  = 1 << 28
	mostRatio = 64
)

// checkSize refuses a page of n bytes that would become far more.
func checkSize(n, becomes int64) error {
	if becomes > mostPage && becomes > mostRatio*n {
		return fmt.Errorf("a page of %d bytes that would become %d", n, becomes)
	}
	return nil
}

// sizeOf is what a page becomes that is compressed by codec, or more than that; where its own bytes do not tell it is decompressed, and
// counted as far as a page may go. 0 is what is not known: what else is wrong with the bytes, the library says.
func sizeOf(codec format.CompressionCodec, page *io.SectionReader) (int64, error) {
	switch codec {
	case format.Zstd:
		return zstdSize(page)
	case format.Lz4Raw:
		return lz4Size(bufio.NewReader(page), page.Size())
	case format.Gzip:
		const ratio = 1032 // a bit each for 258 bytes twice
		if page.Size() <= mostPage/ratio {
			return 0, nil
		}
		r, err := gzip.NewReader(page)
		if err != nil {
			return 0, nil
		}
		return counted(r, page.Size()), nil
	case format.Brotli:
		return counted(brotli.NewReader(page), page.Size()), nil
	}
	return 0, nil
}

// counted is how many bytes there are to read in a page of n, as far as that matters.
func counted(r io.Reader, n int64) int64 {
	size, _ := io.Copy(io.Discard, io.LimitReader(r, max(mostPage, mostRatio*n)+1))
	return size
}

// zstdSize adds up what frames say that they hold, or, of those that do not, the most that their blocks can (RFC 8878, 3.1.1).
func zstdSize(page *io.SectionReader) (size int64, err error) {
	const mostBlock = 1 << 17
	for at := int64(0); at < page.Size(); {
		var begin [zstd.HeaderMaxSize]byte
		n, _ := page.ReadAt(begin[:], at)
		var h zstd.Header
		if h.Decode(begin[:n]) != nil {
			return size, nil
		}
		at += int64(h.HeaderSize)
		if h.Skippable {
			at += int64(h.SkippableSize)
			continue
		}
		var blocks int64
		for last := false; !last; {
			var block [4]byte
			if _, err := page.ReadAt(block[:3], at); err != nil {
				break // the frame is cut, and what it says of itself counts
			}
			header := binary.LittleEndian.Uint32(block[:])
			n := int64(header >> 3)
			last = header&1 != 0
			at += 3
			switch header >> 1 & 3 {
			case 0: // as they are
				blocks += n
				at += n
			case 1: // one byte over and over
				blocks += n
				at++
			default:
				blocks += mostBlock
				at += n
			}
		}
		if h.HasCheckSum {
			at += 4
		}
		if h.HasFCS {
			blocks = int64(min(h.FrameContentSize, 1<<62))
		}
		if size += blocks; size < 0 || size > 1<<62 {
			return 1 << 62, nil
		}
	}
	return size, nil
}

// lz4Size adds up the sequences of a block. One that is broken is an error: the library takes it for a buffer that is too short, and tries ever
// longer ones.
func lz4Size(r *bufio.Reader, n int64) (size int64, err error) {
	broken := errors.New("a page that is no sound LZ4")
	left := n
	next := func() (b byte, err error) {
		if b, err = r.ReadByte(); err == nil {
			left--
		}
		return b, err
	}
	length := func(first byte) (int64, error) {
		n := int64(first)
		for b := byte(255); first == 15 && b == 255; {
			var err error
			if b, err = next(); err != nil {
				return 0, broken
			}
			n += int64(b)
		}
		return n, nil
	}
	for left > 0 {
		token, err := next()
		if err != nil {
			return 0, broken
		}
		literals, err := length(token >> 4)
		if err != nil || literals > left {
			return 0, broken
		}
		if _, err := io.CopyN(io.Discard, r, literals); err != nil {
			return 0, broken
		}
		left -= literals
		size += literals
		if left == 0 {
			break
		}
		low, err1 := next()
		high, err2 := next()
		if at := int64(high)<<8 | int64(low); err1 != nil || err2 != nil || at == 0 || at > size {
			return 0, broken
		}
		match, err := length(token & 15)
		if err != nil {
			return 0, err
		}
		size += match + 4
	}
	return size, nil
}
