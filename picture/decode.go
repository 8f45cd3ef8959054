package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// DefaultMaxPixels is the size at which Pillow calls a picture a decompression bomb: twice a quarter of a gigabyte of
// 3-byte pixels.
const DefaultMaxPixels = 2 * (1024 * 1024 * 1024 / 4 / 3)

// Options says how a file becomes a picture. The zero value is ready.
type Options struct {
	MaxPixels int   // the most pixels a picture may have; 0 means DefaultMaxPixels
	Alpha     Alpha // what becomes of transparency
}

func (o Options) maxPixels() int {
	if o.MaxPixels <= 0 {
		return DefaultMaxPixels
	}
	return o.MaxPixels
}

// format is one file format: how it is known, how its size is read from the header, and how it is decoded.
type format struct {
	name   string
	is     func(data []byte) bool
	config func(data []byte) (w, h int, err error)
	decode func(data []byte) (*RGBA, error)
	// orientation is the EXIF orientation, 1 to 8, or 0 where there is none.
	orientation func(data []byte) int
	// least is a number of bytes below which no whole file of that size can be; nil where nothing is known.
	least func(w, h int) int
}

var formats = []format{
	{"PNG", prefixed(pngSignature), pngConfig, pngDecode, pngOrientation, pngLeast},
	{"JPEG", prefixed("\xff\xd8"), jpegConfig, jpegDecode, jpegOrientation, jpegLeast},
	{"GIF", isGIF, goConfig(gif.DecodeConfig), gifDecode, nil, nil},
	{"WebP", isWebP, webpConfig, webpDecode, webpOrientation, nil},
	{"BMP", prefixed("BM"), bmpConfig, bmpDecode, nil, nil},
	{"TIFF", isTIFF, tiffConfig, tiffDecode, tiffOrientation, nil},
}

// Decode reads an opaque picture: PNG, JPEG, GIF (its first frame), WebP (its first frame), BMP or TIFF, turned the way
// its EXIF data says. Errors are of the classes ErrNotPicture, ErrTooLarge and ErrBroken, and may have a Hint.
func Decode(data []byte, o Options) (*Image, error) {
	m, err := DecodeRGBA(data, o)
	if err != nil {
		return nil, err
	}
	return m.Flatten(o.Alpha), nil
}

// DecodeRGBA is Decode with the transparency kept.
func DecodeRGBA(data []byte, o Options) (m *RGBA, err error) {
	f, _, _, err := look(data, o)
	if err != nil {
		return nil, err
	}
	defer rescue(f, &err)
	turned := f.turned(data)
	if m, err = f.decode(data); err != nil {
		return nil, brokenError(f.name, err)
	}
	return m.orient(turned), nil
}

// Size is the width and height that Decode would give, by the header alone. Errors are Decode's, of what the header shows.
func Size(data []byte, o Options) (w, h int, err error) {
	f, w, h, err := look(data, o)
	if err != nil {
		return 0, 0, err
	}
	defer rescue(f, &err)
	if t := f.turned(data); t >= 5 && t <= 8 { // lies on its side
		w, h = h, w
	}
	return w, h, nil
}

// look finds a file's format and reads its size, which is looked at before anything is decoded.
func look(data []byte, o Options) (f *format, w, h int, err error) {
	if len(data) == 0 {
		return nil, 0, 0, &decodeError{kind: ErrNotPicture, text: "the file is empty (0 bytes)"}
	}
	if f, err = sniff(data); err != nil {
		return nil, 0, 0, err
	}
	defer rescue(f, &err)
	w, h, err = f.config(data)
	if err != nil {
		return nil, 0, 0, brokenError(f.name, err)
	}
	if w <= 0 || h <= 0 {
		return nil, 0, 0, brokenError(f.name, fmt.Errorf("size is %d×%d", w, h))
	}
	if limit := o.maxPixels(); w > limit/h {
		return nil, 0, 0, tooLargeError(f.name, w, h, limit)
	}
	if f.least != nil && len(data) < f.least(w, h) {
		return nil, 0, 0, brokenError(f.name, fmt.Errorf("%d bytes cannot hold %d×%d pixels", len(data), w, h))
	}
	return f, w, h, nil
}

// rescue makes an error of a panic: a decoder that is not ours may yet panic on hostile bytes, and the user then gets the same line as
// for any broken file.
func rescue(f *format, err *error) {
	if r := recover(); r != nil {
		*err = brokenError(f.name, fmt.Errorf("decoder failed: %v", r))
	}
}

// turned is the file's EXIF orientation, 1 to 8, or 0 where there is none.
func (f *format) turned(data []byte) int {
	if f.orientation == nil {
		return 0
	}
	return f.orientation(data)
}

// Open decodes the picture in a file.
func Open(path string, o Options) (*Image, error) {
	data, err := ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	m, err := Decode(data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func sniff(data []byte) (*format, error) {
	for i := range formats {
		if formats[i].is(data) {
			return &formats[i], nil
		}
	}
	e := &decodeError{kind: ErrNotPicture, text: "not a picture in a known format", hint: "PNG, JPEG, GIF, WebP, BMP and TIFF are read"}
	if name := foreign(data); name != "" {
		e.text = name + " files are not read here"
	}
	return nil, e
}

// foreign names a few formats that people do have and that are not read here.
func foreign(data []byte) string {
	switch {
	case len(data) >= 12 && string(data[4:8]) == "ftyp":
		switch string(data[8:12]) {
		case "avif", "avis":
			return "AVIF"
		case "heic", "heix", "hevc", "mif1", "msf1":
			return "HEIC"
		}
		return "MP4 or QuickTime"
	case bytes.HasPrefix(data, []byte("\x00\x00\x00\x0cjP  ")):
		return "JPEG 2000"
	case bytes.HasPrefix(data, []byte("\xff\x0a")), bytes.HasPrefix(data, []byte("\x00\x00\x00\x0cJXL ")):
		return "JPEG XL"
	case bytes.HasPrefix(data, []byte("%PDF")):
		return "PDF"
	case bytes.HasPrefix(data, []byte("<svg")), bytes.HasPrefix(data, []byte("<?xml")):
		return "SVG or XML"
	}
	return ""
}

func prefixed(magic ...string) func([]byte) bool {
	return func(data []byte) bool {
		for _, m := range magic {
			if bytes.HasPrefix(data, []byte(m)) {
				return true
			}
		}
		return false
	}
}

func goConfig(f func(io.Reader) (image.Config, error)) func([]byte) (int, int, error) {
	return func(data []byte) (int, int, error) {
		c, err := f(bytes.NewReader(data))
		return c.Width, c.Height, err
	}
}

var (
	isGIF      = prefixed("GIF87a", "GIF89a")
	pngConfig  = goConfig(png.DecodeConfig)
	webpConfig = goConfig(webp.DecodeConfig)
)

// pngLeast: deflate makes at most 1032 bytes out of one, and a pixel has at least one bit.
func pngLeast(w, h int) int { return w * h / 8 / 1032 }

// jpegLeast: every block of 8×8 samples has at least one bit in its first scan.
func jpegLeast(w, h int) int { return w * h / 64 / 8 }

// placed returns the picture at (x, y) of a transparent canvas, cut at the canvas's edges.
func (m *RGBA) placed(x, y, w, h int) *RGBA { return m.placedOn(color.NRGBA{}, x, y, w, h) }

// placedOn is placed on a canvas of one colour.
func (m *RGBA) placedOn(ground color.NRGBA, x, y, w, h int) *RGBA {
	if x == 0 && y == 0 && m.W == w && m.H == h {
		return m
	}
	out := NewRGBA(w, h)
	if ground != (color.NRGBA{}) {
		for i := 0; i < len(out.Pix); i += 4 {
			copy(out.Pix[i:], []byte{ground.R, ground.G, ground.B, ground.A})
		}
	}
	x0, x1 := max(x, 0), min(x+m.W, w)
	if x0 >= x1 {
		return out
	}
	for row := max(y, 0); row < min(y+m.H, h); row++ {
		copy(out.Pix[4*(row*w+x0):4*(row*w+x1)], m.Pix[4*((row-y)*m.W+x0-x):])
	}
	return out
}
