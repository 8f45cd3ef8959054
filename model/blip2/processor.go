package blip2

import (
	"fmt"

	"dragoman/model"
	"dragoman/picture"
	"dragoman/vision/vit"
)

// Processor makes the pixels that the model was trained on: as its directory says, or as its encoder wants them.
func (m *Model) Processor() picture.Processor {
	if m.processor != nil {
		return *m.processor
	}
	return m.Vision.Processor()
}

// resizeVision has the encoder read pictures of another size.
func (m *Model) resizeVision(size int) error {
	encoder, ok := m.Vision.(*vit.Model)
	if !ok {
		p := m.Vision.Processor()
		return fmt.Errorf("pictures of %d×%d: the encoder has no positions to interpolate between, it reads %d×%d", size, size, p.Size[0], p.Size[1])
	}
	other, err := encoder.At(size)
	if err != nil {
		return err
	}
	m.Vision = other
	return nil
}

// openProcessor reads the directory's own processor, where there is one; opt.ImageSize, unless it is 0, replaces the side of its pictures.
func (m *Model) openProcessor(files Files, opt Options) error {
	p, name, err := model.ReadProcessor(files)
	if err != nil || name == "" {
		return err
	}
	if size := opt.ImageSize; size > 0 && !p.Uncut {
		p.SetSize(size)
	}
	want := m.Vision.Processor().Size
	if p.Uncut { // as large as the encoder reads, or an error for that picture
		p.Size = want
	}
	if p.Size != want {
		if opt.Pixels {
			return nil
		}
		return fmt.Errorf("%s: pictures of %d×%d, the encoder reads %d×%d", name, p.Size[0], p.Size[1], want[0], want[1])
	}
	m.processor = &p
	return nil
}
