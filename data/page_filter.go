package data

import (
	"errors"

	"dragoman/picture"
)

// admit says why a picture is not wanted, by its header alone; nil if it is. Where nothing is asked of pictures none is read.
func (o PageOptions) admit(img image) error {
	if o.MinSide <= 0 && o.MaxAspect <= 0 {
		return nil
	}
	b, err := img.bytes()
	if err != nil {
		return &whyError{NotFound, err}
	}
	w, h, err := picture.Size(b, picture.Options{MaxPixels: o.MaxPixels})
	if err != nil {
		return pictureError(err)
	}
	short, long := min(w, h), max(w, h)
	switch {
	case short < o.MinSide:
		return because(TooSmall, "%d×%d is smaller than %d", w, h, o.MinSide)
	case o.MaxAspect > 0 && float64(long) > o.MaxAspect*float64(short):
		return because(TooNarrow, "%d×%d is narrower than %v to 1", w, h, o.MaxAspect)
	}
	return nil
}

// pictureError gives an error of package picture its kind.
func pictureError(err error) error {
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return &whyError{TooLarge, err}
	case errors.Is(err, picture.ErrNotPicture):
		return &whyError{NotRead, err}
	}
	return &whyError{Broken, err}
}
