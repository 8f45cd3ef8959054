package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// headers that promise pictures of any size, in each format.
func pngHeader(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, 8, 2, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
	return append(b, "\x00\x00\x00\x10IDAT"...)
}

func jpegHeader(w, h uint16) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc0, 0, 11, 8}
	b = binary.BigEndian.AppendUint16(b, h)
	b = binary.BigEndian.AppendUint16(b, w)
	return append(b, 1, 1, 0x11, 0)
}

func gifHeader(w, h uint16) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), w)
	b = binary.LittleEndian.AppendUint16(b, h)
	return append(b, 0, 0, 0)
}

func bmpHeader(w, h uint32) []byte {
	b := append([]byte("BM"), make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, 54)
	b = binary.LittleEndian.AppendUint32(b, 40)
	b = binary.LittleEndian.AppendUint32(b, w)
	b = binary.LittleEndian.AppendUint32(b, h)
	return append(b, append([]byte{1, 0, 24, 0}, make([]byte, 24)...)...)
}

func webpHeader(w, h uint32) []byte {
	b := []byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00")
	return append(b, byte(w-1), byte((w-1)>>8), byte((w-1)>>16), byte(h-1), byte((h-1)>>8), byte((h-1)>>16), 'V', 'P', '8', ' ')
}

func tiffHeader(w, h uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	tags := [][2]uint32{{256, w}, {257, h}, {258, 8}, {259, 1}, {262, 1}, {273, 8}, {277, 1}, {278, h}, {279, 10}}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(tags)))
	for _, t := range tags {
		b = binary.LittleEndian.AppendUint16(b, uint16(t[0]))
		b = append(b, 4, 0, 1, 0, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, t[1])
	}
	return append(b, 0, 0, 0, 0)
}

// TestTooLargeIsRefused also measures that next to nothing is allocated.
func TestTooLargeIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"PNG": pngHeader(40000, 40000), "JPEG": jpegHeader(40000, 40000), "GIF": gifHeader(40000, 40000),
		"BMP": bmpHeader(40000, 40000), "WebP": webpHeader(40000, 40000), "TIFF": tiffHeader(40000, 40000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(data, Options{})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "40000×40000") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		var h interface{ Hint() string }
		if !errors.As(err, &h) || !strings.Contains(h.Hint(), "--max-pixels") {
			t.Errorf("%s: no hint", name)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, grown)
		}
	}
	_, err := Decode(pngHeader(1<<31-1, 1<<31-1), Options{})
	if err == nil {
		t.Error("the largest PNG was read")
	}
	// Within the limit, but the file is far too short for it.
	for _, data := range [][]byte{pngHeader(13000, 13000), jpegHeader(13000, 13000)} {
		if _, err := Decode(data, Options{}); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "cannot hold") {
			t.Errorf("%v", err)
		}
	}
}

func TestLimitIsAnOption(t *testing.T) {
	var b bytes.Buffer
	if err := New(20, 10).WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(b.Bytes(), Options{MaxPixels: 199}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("200 pixels of 199: %v", err)
	}
	if _, err := Decode(b.Bytes(), Options{MaxPixels: 200}); err != nil {
		t.Errorf("200 pixels of 200: %v", err)
	}
}

func TestNotAPicture(t *testing.T) {
	for text, want := range map[string]string{
		"": "0 bytes", "hello": "not a picture", "\x00": "not a picture", "<svg xmlns=": "SVG", "%PDF-1.4": "PDF",
		"\x00\x00\x00\x20ftypheic....": "HEIC", "\x00\x00\x00\x20ftypavif....": "AVIF files are not read", "\x00\x00\x00\x20ftypisom....": "MP4",
	} {
		_, err := Decode([]byte(text), Options{})
		if !errors.Is(err, ErrNotPicture) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestCutAnywhere cuts every committed file at many places: an error in one line, or, where only what follows the picture
// is lost, the picture; never a panic.
func TestCutAnywhere(t *testing.T) {
	files, err := filepath.Glob("testdata/decode/*")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 6000 {
			continue
		}
		whole, err := Decode(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(data); n += 1 + len(data)/150 {
			m, err := Decode(data[:n], Options{})
			switch {
			case err == nil && !bytes.Equal(m.Pix, whole.Pix) && !strings.Contains(name, "exif") && !strings.Contains(name, "animated"):
				t.Errorf("%s cut at %d of %d reads as another picture", name, n, len(data))
			case err != nil && (strings.Contains(err.Error(), "\n") || !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNotPicture)):
				t.Errorf("%s cut at %d: %v", name, n, err)
			}
		}
	}
}

// TestFlippedBytes changes single bytes; whatever comes out, nothing may panic and no size may pass the limit.
func TestFlippedBytes(t *testing.T) {
	for _, name := range []string{"420.jpg", "420-progressive.jpg", "restart.jpg", "ycck.jpg", "animated.webp", "lossy-alpha.webp", "palette.tiff", "exif6.png", "palette.bmp"} {
		data, err := os.ReadFile(filepath.Join("testdata/decode", name))
		if err != nil {
			t.Fatal(err)
		}
		broken := bytes.Clone(data)
		for i := range data {
			if i > 700 && i%11 != 0 {
				continue
			}
			broken[i] ^= uint8(1 + 37*i)
			if m, err := Decode(broken, Options{MaxPixels: 1 << 20}); err == nil && (m.W*m.H > 1<<20 || len(m.Pix) != 3*m.W*m.H) {
				t.Errorf("%s with byte %d changed is %d×%d with %d bytes", name, i, m.W, m.H, len(m.Pix))
			}
			broken[i] = data[i]
		}
	}
}

// endless is a file like /dev/zero.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestEndlessFile(t *testing.T) {
	if _, err := readUpTo(endless{}, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an endless file: %v", err)
	}
	if data, err := readUpTo(strings.NewReader("abc"), 3); err != nil || len(data) != 3 {
		t.Errorf("a file as long as the limit: %v", err)
	}
}

func TestExtremeShapes(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 60000}, {60000, 1}} {
		var b bytes.Buffer
		if err := New(size[0], size[1]).WritePNG(&b); err != nil {
			t.Fatal(err)
		}
		m, err := Decode(b.Bytes(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := BLIP2Processor(32)
		for _, fit := range []Fit{Squash, Crop, Pad} {
			p.Fit, p.Edge = fit, 32
			if got := p.Apply(m, nil); len(got) != 3*32*32 {
				t.Errorf("%v by %d: %d values", size, fit, len(got))
			}
		}
	}
}

// TestSixteenBitsAsPillow: a file's 16-bit greys are cut off at white, as Pillow does; of a picture of the standard library
// the high byte counts.
func TestSixteenBitsAsPillow(t *testing.T) {
	g := image.NewGray16(image.Rect(0, 0, 3, 1))
	for x, v := range []uint16{0, 0x80, 0x8000} {
		g.SetGray16(x, 0, color.Gray16{Y: v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, g); err != nil {
		t.Fatal(err)
	}
	m, err := Decode(b.Bytes(), Options{})
	if err != nil || fmt.Sprint(m.Pix) != "[0 0 0 128 128 128 255 255 255]" {
		t.Errorf("%v %v", m, err)
	}
	if m := FromImage(g, AlphaWhite); fmt.Sprint(m.Pix) != "[0 0 0 0 0 0 128 128 128]" {
		t.Errorf("%v", m.Pix)
	}
}

func TestAlphaModes(t *testing.T) {
	m := &RGBA{W: 3, H: 1, Pix: []uint8{10, 20, 30, 0, 10, 20, 30, 128, 10, 20, 30, 255}}
	if got := m.Flatten(AlphaDrop).Pix; fmt.Sprint(got) != "[10 20 30 10 20 30 10 20 30]" {
		t.Errorf("dropped: %v", got)
	}
	if got := m.Flatten(AlphaWhite).Pix; fmt.Sprint(got) != "[255 255 255 132 137 142 10 20 30]" {
		t.Errorf("on white: %v", got)
	}
	if _, err := ParseAlpha("black"); err == nil {
		t.Error("black is a mode")
	}
}

// TestFromImageKinds feeds the standard library's picture types, cut out of larger ones so that strides and origins matter.
func TestFromImageKinds(t *testing.T) {
	r := image.Rect(-3, -2, 5, 6)
	palette := color.Palette{color.NRGBA{1, 2, 3, 255}, color.NRGBA{200, 100, 50, 128}}
	kinds := []interface {
		image.Image
		Set(x, y int, c color.Color)
		SubImage(image.Rectangle) image.Image
	}{
		image.NewNRGBA(r), image.NewRGBA(r), image.NewGray(r), image.NewGray16(r), image.NewNRGBA64(r), image.NewRGBA64(r), image.NewPaletted(r, palette), image.NewCMYK(r),
	}
	for _, k := range kinds {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				k.Set(x, y, color.NRGBA{uint8(40 * (x + 3)), uint8(30 * (y + 2)), 99, 255})
			}
		}
		part := k.SubImage(image.Rect(0, 1, 4, 3))
		got := fromImage(part)
		if got.W != 4 || got.H != 2 {
			t.Fatalf("%T is %d×%d", k, got.W, got.H)
		}
		for y := range 2 {
			for x := range 4 {
				want := color.NRGBAModel.Convert(part.At(x, y+1)).(color.NRGBA)
				p := got.Pix[4*(4*y+x):]
				if have := (color.NRGBA{p[0], p[1], p[2], p[3]}); have != want {
					t.Errorf("%T at %d,%d is %v, want %v", k, x, y, have, want)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/decode/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 4096 {
			f.Add(data)
		}
	}
	for _, data := range [][]byte{pngHeader(9, 9), jpegHeader(9, 9), gifHeader(9, 9), bmpHeader(9, 9), webpHeader(9, 9), tiffHeader(9, 9)} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 16
		m, err := DecodeRGBA(data, Options{MaxPixels: limit})
		if err != nil {
			if strings.Contains(err.Error(), "decoder failed") {
				t.Fatalf("a decoder panicked: %v", err)
			}
			return
		}
		if m.W < 1 || m.H < 1 || m.W*m.H > limit || len(m.Pix) != 4*m.W*m.H {
			t.Fatalf("picture of %d×%d with %d bytes", m.W, m.H, len(m.Pix))
		}
	})
}

func FuzzProcessorConfig(f *testing.F) {
	f.Add([]byte(`{"image_processor":{"size":{"shortest_edge":30},"crop_size":{"height":20,"width":20},"do_center_crop":true}}`))
	f.Add([]byte("{\"size\":{\n\"height\":20,\n\"width X\":30}}"))
	f.Add([]byte(`{"size":{"height":20,"width":30},"image_mean":[0,0,0],"resample":2}`))
	f.Add([]byte(`{"image_processor_type":"BlipImageProcessor","size":[9,8],"do_center_crop":true,"crop_size":12,"image_std":0.5}`))
	f.Add([]byte(`{"image_processor_type":"CLIPImageProcessor","do_center_crop":false,"do_resize":false}`))
	m := noiseImage(7, 5, 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProcessor(data)
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000) {
			t.Fatalf("not a clear line: %.2000q", err)
		}
		if err != nil || p.Len() > 1<<16 || p.Edge > 512 || max(p.Squashed[0], p.Squashed[1]) > 512 {
			return
		}
		size := p.SizeOf(m.W, m.H)
		if got := p.Apply(m, nil); len(got) != 3*size[0]*size[1] {
			t.Fatalf("%d values of %v", len(got), size)
		}
	})
}

// TestManyZstandardStrips reads a picture of a strip a row, for all of which there is one decoder.
func TestManyZstandardStrips(t *testing.T) {
	const w, h = 3, 400
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("II*\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	var offsets, lengths []byte
	for y := range h {
		strip := enc.EncodeAll([]byte{byte(y), 1, 2}, nil)
		offsets = binary.LittleEndian.AppendUint32(offsets, uint32(len(data)))
		lengths = binary.LittleEndian.AppendUint32(lengths, uint32(len(strip)))
		data = append(data, strip...)
	}
	at := [2]uint32{uint32(len(data)), uint32(len(data) + len(offsets))}
	data = append(append(data, offsets...), lengths...)
	binary.LittleEndian.PutUint32(data[4:], uint32(len(data)))
	tags := [][3]uint32{{256, 1, w}, {257, 1, h}, {258, 1, 8}, {259, 1, 50000}, {262, 1, 1}, {273, h, at[0]}, {277, 1, 1}, {278, 1, 1}, {279, h, at[1]}}
	data = binary.LittleEndian.AppendUint16(data, uint16(len(tags)))
	for _, t := range tags {
		data = binary.LittleEndian.AppendUint16(data, uint16(t[0]))
		data = append(data, 4, 0)
		data = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(data, t[1]), t[2])
	}
	data = append(data, 0, 0, 0, 0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := DecodeRGBA(data, Options{})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	for y := range h {
		if got := m.Pix[4*w*y:][:12]; got[0] != byte(y) || got[4] != 1 || got[8] != 2 {
			t.Fatalf("row %d is %v", y, got)
		}
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d bytes were allocated", took)
	}
}
