package dragoman

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"sync"

	"dragoman/picture"
	"dragoman/tensor"
)

// Image is a picture on its way into a model. It is read when it is used, so that an error belongs to the call that used it.
type Image struct {
	name string
	load func(picture.Options) (*picture.Image, error)

	frames func(picture.Options, picture.Sampling) ([]*picture.RGBA, error) // nil: it does not move
	moving moving
}

// ImageFile is the picture in a file: PNG, JPEG, GIF (first frame), WebP, BMP or TIFF, turned as its EXIF data says.
func ImageFile(path string) Image {
	return ImageFunc(path, func() ([]byte, error) {
		b, err := picture.ReadFile(path)
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the caller names the file
		}
		return b, err
	})
}

// ImageBytes is the picture that the bytes of a file hold.
func ImageBytes(b []byte) Image {
	return ImageFunc("picture", func() ([]byte, error) { return b, nil })
}

// ImageFunc is the picture whose file's bytes read gives when they are needed; name is what errors call it by.
func ImageFunc(name string, read func() ([]byte, error)) Image {
	if read == nil {
		return Image{name: name}
	}
	return Image{
		name: name,
		load: func(o picture.Options) (*picture.Image, error) {
			b, err := read()
			if err != nil {
				return nil, err
			}
			return picture.Decode(b, o)
		},
		frames: func(o picture.Options, s picture.Sampling) ([]*picture.RGBA, error) {
			b, err := read()
			if err != nil {
				return nil, err
			}
			return picture.DecodeFrames(b, o, s)
		},
	}
}

// ImageReader is the picture that r holds, up to its end. It is read once, when the picture is first used, and its bytes are kept.
func ImageReader(r io.Reader) Image {
	if r == nil {
		return Image{}
	}
	return ImageFunc("picture", sync.OnceValues(func() ([]byte, error) { return picture.ReadAll(r) }))
}

// ImageOf is a decoded picture of the standard library. It may be as large as one that comes from a file.
func ImageOf(img image.Image) Image {
	if img == nil {
		return Image{}
	}
	return Image{name: "picture", load: func(o picture.Options) (_ *picture.Image, err error) {
		defer func() { // whoever made it may have promised more pixels than there are
			if p := recover(); p != nil {
				err = fmt.Errorf("%w: %T: %v", picture.ErrBroken, img, p)
			}
		}()
		b := img.Bounds()
		if b.Empty() {
			return nil, fmt.Errorf("%w: it has no pixels", picture.ErrBroken)
		}
		if most := cmp.Or(max(o.MaxPixels, 0), picture.DefaultMaxPixels); min(b.Dx(), b.Dy()) <= 0 || b.Dy() > most/b.Dx() { // one that overflows is negative
			return nil, fmt.Errorf("%w: bounds of %v, the limit is of %d pixels", picture.ErrTooLarge, b, most)
		}
		return picture.FromImage(img, o.Alpha), nil
	}}
}

// Named gives the picture the name that errors call it by.
func (i Image) Named(name string) Image {
	i.name = name
	return i
}

// Decode reads the picture.
func (i Image) Decode(o picture.Options) (*picture.Image, error) {
	if i.load == nil {
		return nil, errors.New("no picture was given")
	}
	img, err := i.load(o)
	if err != nil {
		return nil, fmt.Errorf("reading a picture: %s: %w", i.name, err)
	}
	return img, nil
}

// pixels decodes pictures as p prepares them: [pictures, 3, H, W].
func (m *Model) pixels(ctx context.Context, p picture.Processor, images ...Image) (*tensor.Tensor, error) {
	values := make([]float32, len(images)*p.Len())
	for i, img := range images {
		decoded, err := img.Decode(m.opt.pictures)
		if err == nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		if err := p.Prepare(values[i*p.Len():(i+1)*p.Len()], decoded, nil); err != nil {
			return nil, fmt.Errorf("looking at %s: %w", img.name, err)
		}
	}
	return tensor.FromFloats(values, len(images), 3, p.Size[0], p.Size[1]), nil
}
