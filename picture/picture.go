// Package picture turns bytes into the numbers an image encoder reads: it decodes, turns by EXIF orientation, flattens
// transparency, resizes as Pillow does (to the bit), and scales into the [3,height,width] floats of a processor's
// configuration. For training it draws seeded random views; for people it draws heat maps and contact sheets.
//
// A picture is 8 bits a channel, rows top to bottom, channels interleaved. Whatever the bytes, decoding gives a picture
// or an error, never a panic, and looks at the size in the header before it allocates.
package picture

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
)

// Image is an opaque picture: Pix holds height*width*3 bytes, red, green, blue.
type Image struct {
	W, H int
	Pix  []uint8
}

// RGBA is a picture with transparency: Pix holds height*width*4 bytes, red, green, blue, alpha, where the colours are
// not multiplied by alpha.
type RGBA struct {
	W, H int
	Pix  []uint8
}

// New returns a black picture of w by h pixels.
func New(w, h int) *Image { return &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)} }

// NewRGBA returns a transparent picture of w by h pixels.
func NewRGBA(w, h int) *RGBA { return &RGBA{W: w, H: h, Pix: make([]uint8, 4*w*h)} }

// Alpha says what becomes of transparency when a picture is made opaque.
type Alpha int

const (
	// AlphaWhite lays the picture on white, as transformers 5 does with a PIL object.
	AlphaWhite Alpha = iota
	// AlphaDrop forgets alpha, so that the colours under transparent pixels show, as transformers 4 does.
	AlphaDrop
)

// ParseAlpha reads "white" or "drop"; the empty string means white.
func ParseAlpha(s string) (Alpha, error) {
	switch s {
	case "", "white":
		return AlphaWhite, nil
	case "drop":
		return AlphaDrop, nil
	}
	return 0, fmt.Errorf("alpha: %.60q is neither white nor drop", s)
}

// At returns the colour at column x and row y.
func (m *Image) At(x, y int) (r, g, b uint8) {
	p := m.Pix[3*(y*m.W+x):]
	return p[0], p[1], p[2]
}

// Flatten makes the picture opaque.
func (m *RGBA) Flatten(alpha Alpha) *Image {
	if alpha == AlphaDrop {
		out := New(m.W, m.H)
		for i, j := 0, 0; i < len(m.Pix); i, j = i+4, j+3 {
			copy(out.Pix[j:j+3], m.Pix[i:i+3])
		}
		return out
	}
	return m.Over(255, 255, 255)
}

// Over lays the picture on a plain colour, with the rounding of Pillow's alpha_composite.
func (m *RGBA) Over(r, g, b uint8) *Image {
	out := New(m.W, m.H)
	back := [3]uint32{uint32(r), uint32(g), uint32(b)}
	for i, j := 0, 0; i < len(m.Pix); i, j = i+4, j+3 {
		src, dst := m.Pix[i:i+4:i+4], out.Pix[j:j+3:j+3]
		switch a := uint32(src[3]); a {
		case 255:
			copy(dst, src[:3])
		case 0:
			dst[0], dst[1], dst[2] = r, g, b
		default:
			for c := range dst {
				dst[c] = blend(uint32(src[c]), back[c], a)
			}
		}
	}
	return out
}

// blend mixes a source over an opaque background: (s·a + d·(255−a)) / 255, in 7 more bits, rounded.
func blend(s, d, a uint32) uint8 {
	t := (s*a+d*(255-a))<<7 + 0x80<<7
	return uint8((t>>8 + t) >> 8 >> 7)
}

// RGBA returns the picture with full alpha.
func (m *Image) RGBA() *RGBA {
	out := NewRGBA(m.W, m.H)
	for i, j := 0, 0; i < len(m.Pix); i, j = i+3, j+4 {
		copy(out.Pix[j:j+3], m.Pix[i:i+3])
		out.Pix[j+3] = 255
	}
	return out
}

// GoImage returns the picture for the standard library, which keeps a copy of the pixels.
func (m *Image) GoImage() image.Image { return m.RGBA().GoImage() }

// GoImage returns the picture for the standard library; the pixels are shared.
func (m *RGBA) GoImage() image.Image {
	return &image.NRGBA{Pix: m.Pix, Stride: 4 * m.W, Rect: image.Rect(0, 0, m.W, m.H)}
}

// WritePNG writes the picture as PNG.
func (m *Image) WritePNG(w io.Writer) error {
	// An opaque NRGBA is written as RGB, without an alpha channel.
	return png.Encode(w, m.GoImage())
}

// FromImage copies a picture of the standard library and makes it opaque. 16-bit channels keep their high byte.
func FromImage(img image.Image, alpha Alpha) *Image { return fromImage(img).Flatten(alpha) }

// fromImage copies any standard picture, with short cuts for the types that decoders give.
func fromImage(img image.Image) *RGBA {
	b := img.Bounds()
	out := NewRGBA(b.Dx(), b.Dy())
	switch src := img.(type) {
	case *image.NRGBA:
		for y := range out.H {
			copy(out.Pix[4*y*out.W:4*(y+1)*out.W], src.Pix[src.PixOffset(b.Min.X, b.Min.Y+y):])
		}
	case *image.Gray:
		for y := range out.H {
			row := src.Pix[src.PixOffset(b.Min.X, b.Min.Y+y):]
			dst := out.Pix[4*y*out.W : 4*(y+1)*out.W]
			for x := range out.W {
				v := row[x]
				dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = v, v, v, 255
			}
		}
	case *image.Paletted:
		copyPaletted(out, src, b.Min)
	case *image.NRGBA64:
		for y := range out.H {
			row := src.Pix[src.PixOffset(b.Min.X, b.Min.Y+y):]
			dst := out.Pix[4*y*out.W : 4*(y+1)*out.W]
			for i := range dst {
				dst[i] = row[2*i]
			}
		}
	case *image.RGBA:
		copyPremultiplied(out, src, b.Min)
	default:
		for y := range out.H {
			for x := range out.W {
				out.set(x, y, toNRGBA(img.At(b.Min.X+x, b.Min.Y+y)))
			}
		}
	}
	return out
}

func copyPaletted(out *RGBA, src *image.Paletted, at image.Point) {
	// An index beyond the palette is black, as it is for Pillow.
	var table [256]color.NRGBA
	for i := range table {
		table[i].A = 255
	}
	for i, c := range src.Palette[:min(len(src.Palette), len(table))] {
		table[i] = toNRGBA(c)
	}
	for y := range out.H {
		row := src.Pix[src.PixOffset(at.X, at.Y+y):]
		for x := range out.W {
			out.set(x, y, table[row[x]])
		}
	}
}

func copyPremultiplied(out *RGBA, src *image.RGBA, at image.Point) {
	for y := range out.H {
		row := src.Pix[src.PixOffset(at.X, at.Y+y):]
		dst := out.Pix[4*y*out.W : 4*(y+1)*out.W]
		for i := 0; i < len(dst); i += 4 {
			if row[i+3] == 255 {
				copy(dst[i:i+4], row[i:i+4])
				continue
			}
			c := toNRGBA(color.RGBA{R: row[i], G: row[i+1], B: row[i+2], A: row[i+3]})
			dst[i], dst[i+1], dst[i+2], dst[i+3] = c.R, c.G, c.B, c.A
		}
	}
}

func (m *RGBA) set(x, y int, c color.NRGBA) {
	p := m.Pix[4*(y*m.W+x):]
	p[0], p[1], p[2], p[3] = c.R, c.G, c.B, c.A
}

// toNRGBA keeps the high byte of 16-bit channels; colours that are stored unmultiplied stay as they are.
func toNRGBA(c color.Color) color.NRGBA {
	switch c := c.(type) {
	case color.NRGBA:
		return c
	case color.NRGBA64:
		return color.NRGBA{R: uint8(c.R >> 8), G: uint8(c.G >> 8), B: uint8(c.B >> 8), A: uint8(c.A >> 8)}
	}
	return color.NRGBAModel.Convert(c).(color.NRGBA)
}
