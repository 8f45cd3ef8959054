package dragoman_test

import (
	"errors"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

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
