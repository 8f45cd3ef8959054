package dragoman_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"dragoman"
	"dragoman/picture"
)

// claim is a picture that is nothing but its bounds.
type claim struct{ image.Rectangle }

func (c claim) Bounds() image.Rectangle { return c.Rectangle }
func (claim) ColorModel() color.Model   { return color.RGBAModel }
func (claim) At(_, _ int) color.Color   { return color.Black }

// TestPicturesOfNothing: a picture that is not there is an error, and so is one whose bounds no memory holds.
func TestPicturesOfNothing(t *testing.T) {
	for name, img := range map[string]dragoman.Image{
		"none": {}, "no reader": dragoman.ImageReader(nil), "no function": dragoman.ImageFunc("a", nil), "no picture": dragoman.ImageOf(nil),
	} {
		if _, err := img.Decode(picture.Options{}); err == nil || err.Error() != "no picture was given" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for bounds, want := range map[image.Rectangle]error{
		{}:                             picture.ErrBroken,
		image.Rect(0, 0, 0, 5):         picture.ErrBroken,
		{Min: image.Pt(5, 5)}:          picture.ErrBroken,
		image.Rect(0, 0, 7, 8):         picture.ErrTooLarge,
		image.Rect(-3, -3, 53, 3):      picture.ErrTooLarge,
		image.Rect(0, 0, 1<<30, 1<<30): picture.ErrTooLarge,
		{Min: image.Pt(math.MinInt, 0), Max: image.Pt(math.MaxInt, 1)}: picture.ErrTooLarge,
		{Min: image.Pt(0, math.MinInt), Max: image.Pt(1, math.MaxInt)}: picture.ErrTooLarge,
		image.Rect(-3, -2, 2, 9): nil,
	} {
		if _, err := dragoman.ImageOf(claim{bounds}).Decode(picture.Options{MaxPixels: 55}); !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %v", bounds, err, want)
		}
	}
	if _, err := dragoman.ImageOf(claim{image.Rect(0, 0, 1<<20, 1<<20)}).Decode(picture.Options{}); !errors.Is(err, picture.ErrTooLarge) {
		t.Errorf("without a limit of one's own: %v", err)
	}
}

// TestPicturesOfLessThanTheySay: pixels that a picture promised and does not have are an error, not the end of the program. A palette may be too
// short, as in files, or too long.
func TestPicturesOfLessThanTheySay(t *testing.T) {
	square := image.Rect(0, 0, 9, 9)
	for name, c := range map[string]struct {
		img  image.Image
		want error
	}{
		"RGBA":             {&image.RGBA{Pix: make([]byte, 10), Stride: 36, Rect: square}, picture.ErrBroken},
		"NRGBA":            {&image.NRGBA{Stride: 36, Rect: square}, picture.ErrBroken},
		"a nil pointer":    {(*image.Gray)(nil), picture.ErrBroken},
		"a colour of nil":  {image.NewPaletted(square, color.Palette{nil}), picture.ErrBroken},
		"an empty palette": {image.NewPaletted(square, nil), nil},
		"a long palette":   {image.NewPaletted(square, slices.Repeat(color.Palette{color.White}, 300)), nil},
	} {
		img, err := dragoman.ImageOf(c.img).Decode(picture.Options{})
		if !errors.Is(err, c.want) || (err == nil) != (img != nil) {
			t.Errorf("%s: %v, %v, want %v", name, img, err, c.want)
		}
	}
}

// TestImageReader: what was read once is there again, as often as it is used; a reader that has nothing does not keep anybody waiting.
func TestImageReader(t *testing.T) {
	img := dragoman.ImageReader(iotest.OneByteReader(bytes.NewReader(drawing(t, 2))))
	first, err := img.Decode(picture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := img.Decode(picture.Options{}); err != nil || !slices.Equal(again.Pix, first.Pix) {
		t.Errorf("used again: %v", err)
	}
	for name, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"failing":    {iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(drawing(t, 2)))), iotest.ErrTimeout},
		"cut":        {io.LimitReader(bytes.NewReader(drawing(t, 2)), 60), picture.ErrBroken},
		"empty":      {strings.NewReader(""), picture.ErrNotPicture},
		"idle":       {idle{}, io.ErrNoProgress},
		"idle later": {io.MultiReader(strings.NewReader("\xff\xd8"), idle{}), io.ErrNoProgress},
	} {
		if _, err := dragoman.ImageReader(c.r).Decode(picture.Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// idle is a reader that never has anything, and never ends.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
