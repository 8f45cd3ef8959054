package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"
)

// zeros are without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// bombs are a few bytes that become more than a page may.
func bombs(t *testing.T) map[string]struct {
	codec format.CompressionCodec
	bytes []byte
} {
	t.Helper()
	packed := func(w io.WriteCloser, b *bytes.Buffer) []byte {
		if _, err := io.CopyN(w, zeros{}, mostPage+1); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var gz, br bytes.Buffer
	fast, _ := gzip.NewWriterLevel(&gz, gzip.BestSpeed)
	promise := binary.LittleEndian.AppendUint64([]byte{0x28, 0xb5, 0x2f, 0xfd, 3<<6 | 1<<5}, 1<<30)
	runs := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x50}, bytes.Repeat([]byte{0x02, 0, 0x10, 'a'}, 2100)...) // blocks of a byte, 128 kB of each
	return map[string]struct {
		codec format.CompressionCodec
		bytes []byte
	}{
		"zstd that says so":   {format.Zstd, append(promise, 3, 0, 0, 'a')},
		"zstd of blocks":      {format.Zstd, append(runs, 3, 0, 0, 'a')},
		"zstd behind a frame": {format.Zstd, append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}, append(promise, 3, 0, 0, 'a')...)},
		"lz4 of a long match": {format.Lz4Raw, append(append([]byte{0x1f, 'a', 1, 0}, bytes.Repeat([]byte{255}, 1_100_000)...), 0, 0x10, 'b')},
		"gzip":                {format.Gzip, packed(fast, &gz)},
		"brotli":              {format.Brotli, packed(brotli.NewWriterLevel(&br, 1), &br)},
	}
}

// TestBombs: what a page becomes is known, or not less than known, before there is room made for it.
func TestBombs(t *testing.T) {
	for name, b := range bombs(t) {
		page := io.NewSectionReader(bytes.NewReader(b.bytes), 0, int64(len(b.bytes)))
		size, err := sizeOf(b.codec, page)
		if err != nil || size <= mostPage {
			t.Errorf("%s: %d bytes become %d, %v", name, len(b.bytes), size, err)
		}
		if checkSize(page.Size(), size) == nil {
			t.Errorf("%s: %d bytes become %d, which is not refused", name, len(b.bytes), size)
		}
	}
}

// TestSizes: what is packed is as large as that, or, where blocks alone tell, not much larger.
func TestSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 100, 1 << 17, 1<<20 + 3} {
		plain := make([]byte, n)
		for i := range plain {
			plain[i] = byte(random.IntN(4))
		}
		var streamed bytes.Buffer
		w, err := zstd.NewWriter(&streamed, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		check := func(codec format.CompressionCodec, b []byte, slack int64) {
			size, err := sizeOf(codec, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
			if err != nil || size < int64(n) || size > int64(n)+slack {
				t.Errorf("%v of %d bytes: %d, %v", codec, n, size, err)
			}
		}
		check(format.Zstd, streamed.Bytes(), int64(n)+1<<17)
		for _, c := range []compress.Codec{&parquet.Zstd, &parquet.Lz4Raw, &parquet.Brotli} {
			b, err := c.Encode(nil, plain)
			if err != nil {
				t.Fatal(err)
			}
			check(c.CompressionCodec(), b, map[bool]int64{true: int64(n) + 1<<17}[c == &parquet.Zstd])
		}
	}
}

// TestBrokenLZ4 cuts and breaks a block: what is no block is an error, since the library would look for ever longer buffers for it.
func TestBrokenLZ4(t *testing.T) {
	whole, err := parquet.Lz4Raw.Encode(nil, []byte(strings.Repeat("a cat and a dog, ", 100)+"and a bird"))
	if err != nil {
		t.Fatal(err)
	}
	size := func(b []byte) error {
		_, err := sizeOf(format.Lz4Raw, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
		return err
	}
	if err := size(whole); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"cut in its literals": whole[:5], "no offset": {0x10, 'a', 0}, "an offset of nothing": {0x14, 'a', 0, 0, 0x10, 'b'},
		"an offset before the beginning": {0x14, 'a', 9, 0, 0x10, 'b'}, "a length without end": {0xf0, 255, 255},
		"a match without end": {0x1f, 'a', 1, 0, 255},
	} {
		if err := size(b); err == nil || !strings.Contains(err.Error(), "LZ4") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBrokenPages flips bytes of files of each codec: rows are read, or are errors, and none takes memory without end.
func TestBrokenPages(t *testing.T) {
	type record struct {
		Image   string `parquet:"image"`
		Caption string `parquet:"caption"`
	}
	for _, codec := range []compress.Codec{&parquet.Zstd, &parquet.Lz4Raw, &parquet.Gzip, &parquet.Brotli, &parquet.Snappy} {
		dir := t.TempDir()
		var whole bytes.Buffer
		w := parquet.NewGenericWriter[record](&whole, parquet.Compression(codec))
		for i := range 50 {
			if _, err := w.Write([]record{{"cat.png", fmt.Sprintf("a cat, a cat, a cat and %d", i)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "x.parquet")
		read := func(b []byte) (rows int, err error) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := openColumns(path, false)
			if err != nil {
				return 0, err
			}
			defer p.Close()
			for i := range min(p.Len(), 50) {
				if _, rowErr := p.row(i); rowErr != nil {
					err = rowErr
				} else {
					rows++
				}
			}
			return rows, err
		}
		if rows, err := read(whole.Bytes()); rows != 50 || err != nil {
			t.Fatalf("%v: %d rows, %v", codec, rows, err)
		}
		refused := 0
		for at := 4; at < whole.Len()*2/3; at += 7 {
			b := bytes.Clone(whole.Bytes())
			b[at] ^= 0x5f
			if _, err := read(b); err != nil {
				refused++
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, byte %d: %v", codec, at, err)
				}
			}
		}
		if refused == 0 {
			t.Errorf("%v: no broken byte is noticed", codec)
		}
	}
}
