package data

import (
	"errors"
	"os"

	"dragoman/picture"
)

// admit says why a picture is not wanted, by its header alone; nil if it is. Where nothing is asked of pictures none is read.
func (o PageOptions) admit(img image) error {
	if o.MinSide <= 0 && o.MaxAspect <= 0 {
		return nil
	}
	if f, ok := img.(onDisk); ok {
		info, err := os.Stat(string(f))
		switch {
		case err != nil:
		case info.Size() > maxWebPicture:
			return because(TooLarge, "%s: is larger than %d bytes", f, maxWebPicture)
		case info.Size() == 0: // nor is one read that the system makes up
			return because(Broken, "%s: is empty", f)
		}
	}
	b, err := img.bytes()
	if err != nil {
		return &whyError{NotFound, err}
	}
	w, h, err := picture.Size(b, picture.Options{MaxPixels: o.MaxPixels})
	if err != nil {
		return pictureError(err, img.name())
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

// maxWebPicture is the largest file of a picture that is looked at.
const maxWebPicture = 64 << 20

// pictureError gives an error of package picture its kind. What is called a picture and is none is broken.
func pictureError(err error, name string) error {
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return &whyError{TooLarge, err}
	case errors.Is(err, picture.ErrNotPicture) && !picture.HasExtension(name):
		return &whyError{NotRead, err}
	}
	return &whyError{Broken, err}
}
