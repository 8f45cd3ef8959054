package dragoman

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"dragoman/internal/hint"
	"dragoman/picture"
	"dragoman/tensor"
)

// moving says whether a picture is looked at as a video.
type moving uint8

const (
	still    moving = iota // the first frame
	mayMove                // as a video by models that look at videos, else the first frame
	mustMove               // as a video, or not at all
)

// Video is a GIF, or a folder of frames that are shown fps a second. A model that does not look at videos refuses one that has more than
// one frame. What it is of any other file is the picture.
func Video(path string, fps float64) Image {
	v := ImageFile(path)
	v.moving = mustMove
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return v
	}
	v.frames = func(o picture.Options, s picture.Sampling) ([]*picture.RGBA, error) {
		files, err := picture.FramesIn(path)
		if err != nil {
			return nil, err
		}
		return picture.OpenFrames(files, fps, o, s)
	}
	v.load = func(o picture.Options) (*picture.Image, error) {
		first, err := v.frames(o, picture.Sampling{Most: 1})
		if err != nil {
			return nil, err
		}
		return first[0].Flatten(o.Alpha), nil
	}
	return v
}

// Moving is the picture as a video, if it moves and the model looks at videos.
func (i Image) Moving() Image {
	i.moving = mayMove
	return i
}

// framePixels decodes a picture, or frames of a video: [frames, 3, H, W].
func (m *Model) framePixels(ctx context.Context, img Image) (*tensor.Tensor, error) {
	learned := m.pages.Frames()
	if img.frames == nil || img.moving == still || img.moving == mayMove && learned == 0 {
		return m.pixels(ctx, m.pages.Processor(), img)
	}
	s := m.opt.frames
	s.Most = cmp.Or(s.Most, learned)
	if learned == 0 {
		s = picture.Sampling{Most: 2}
	}
	frames, err := img.frames(m.opt.pictures, s)
	if err != nil {
		return nil, fmt.Errorf("reading a video: %s: %w", img.name, err)
	}
	if len(frames) > 1 && learned == 0 {
		return nil, hint.Wrap(fmt.Errorf("reading a video: %s: %w: vectors that tell frames apart", img.name, ErrNoPart),
			"show one of its frames as a picture, or all of them as several")
	}
	p := m.pages.Processor()
	values := make([]float32, len(frames)*p.Len())
	for i, f := range frames {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := p.Prepare(values[i*p.Len():(i+1)*p.Len()], f.Flatten(m.opt.pictures.Alpha), nil); err != nil {
			return nil, fmt.Errorf("looking at %s: %w", img.name, err)
		}
	}
	return tensor.FromFloats(values, len(frames), 3, p.Size[0], p.Size[1]), nil
}
