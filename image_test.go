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

// TestUsedAfterClose: a call behind Close panics, which can be recovered from, and does not read memory that is gone.
func TestUsedAfterClose(t *testing.T) {
	for _, path := range []string{captioner, matcher} {
		m, err := dragoman.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
		img := dragoman.ImageBytes(drawing(t, 2))
		for name, call := range map[string]func() error{
			"Caption":    func() error { _, err := m.Caption(t.Context(), img, nil); return err },
			"Match":      func() error { _, err := m.Match(t.Context(), img, "w1"); return err },
			"EmbedImage": func() error { _, err := m.EmbedImage(t.Context(), img); return err },
			"EmbedText":  func() error { _, err := m.EmbedText(t.Context(), "w1"); return err },
			"Inspect":    func() error { _, err := m.Inspect(t.Context(), img, dragoman.InspectOptions{}); return err },
			"Chat": func() error {
				_, err := m.Chat(t.Context(), []dragoman.Message{{Role: "user", Content: "w1"}}, nil)
				return err
			},
		} {
			func() {
				defer func() {
					if p := recover(); p != nil && p != "dragoman: a Model was used after its Close" {
						t.Errorf("%s, %s: %v", path, name, p)
					}
				}()
				if err := call(); !errors.Is(err, dragoman.ErrNoPart) {
					t.Errorf("%s, %s: %v", path, name, err)
				}
			}()
		}
	}
	if _, err := dragoman.Open(captioner, dragoman.WithImageSize(-3)); err == nil {
		t.Error("pictures of -3×-3")
	}
}
