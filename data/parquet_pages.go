package data

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// snappyMost is more than what snappy makes of a byte at most: a copy of 64 bytes takes 3.
const snappyMost = 64

// checkPages walks over the headers of a column's pages, and refuses one that promises more bytes than there can be: the library makes room
// for what is promised before it reads. What else is wrong with them, it says itself.
func checkPages(f *os.File, size int64, c *format.ColumnMetaData) error {
	at := c.DataPageOffset
	if d := c.DictionaryPageOffset; d > 0 && d < at {
		at = d
	}
	end := at + c.TotalCompressedSize
	if at < 0 || c.TotalCompressedSize < 0 || end > size || end < at {
		return fmt.Errorf("a column of %d bytes at %d, the file has %d", c.TotalCompressedSize, at, size)
	}
	var protocol thrift.CompactProtocol
	for at < end {
		section := io.NewSectionReader(f, at, end-at)
		header, h := bufio.NewReaderSize(section, 1<<10), format.PageHeader{}
		if thrift.NewDecoder(protocol.NewReader(header)).Decode(&h) != nil {
			return nil
		}
		read, _ := section.Seek(0, io.SeekCurrent)
		at += read - int64(header.Buffered())
		n := int64(h.CompressedPageSize)
		if n < 0 || n > end-at {
			return fmt.Errorf("a page of %d bytes at %d, its column ends at %d", n, at, end)
		}
		if err := checkPage(f, at, n, c.Codec, &h); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// checkPage compares what a page of n bytes says that it becomes, and what its bytes say, with what that can be.
func checkPage(f *os.File, at, n int64, codec format.CompressionCodec, h *format.PageHeader) error {
	if err := checkSize(n, int64(h.UncompressedPageSize)); err != nil {
		return err
	}
	if h.Type == format.DataPageV2 { // levels stand before, and are not compressed
		levels := int64(h.DataPageHeaderV2.V.RepetitionLevelsByteLength) + int64(h.DataPageHeaderV2.V.DefinitionLevelsByteLength)
		if levels < 0 || levels > n {
			return fmt.Errorf("levels of %d bytes in a page of %d", levels, n)
		}
		at, n = at+levels, n-levels
		if c := h.DataPageHeaderV2.V.IsCompressed; c.Valid && !c.V {
			return nil
		}
	}
	page := io.NewSectionReader(f, at, n)
	if codec == format.Snappy {
		return checkSnappy(page)
	}
	becomes, err := sizeOf(codec, page)
	if err != nil {
		return err
	}
	return checkSize(n, becomes)
}

// checkSnappy reads what a page's snappy says that it becomes, which is not what the page says of itself.
func checkSnappy(page *io.SectionReader) error {
	n := page.Size()
	var begin [binary.MaxVarintLen32]byte
	got, _ := page.ReadAt(begin[:min(n, int64(len(begin)))], 0)
	if becomes, k := binary.Uvarint(begin[:got]); k > 0 && becomes > uint64(snappyMost*n) {
		return fmt.Errorf("%d bytes of snappy that would become %d", n, becomes)
	}
	return nil
}
