package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
)

// gifDecode draws the first frame where it lies on the file's canvas. Elsewhere that has, as Pillow has it, the frame's transparent index,
// and index 0 where the frame has none.
func gifDecode(data []byte) (*RGBA, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frames, _ := gifFrames(data)
	first := frames[:min(len(frames), 1)]
	img, err := gif.Decode(bytes.NewReader(opaqueGIF(data, first)))
	if err != nil {
		return nil, err
	}
	m := fromImage(img)
	ground := color.NRGBA{A: 255}
	if indices, ok := img.(*image.Paletted); ok && len(first) > 0 {
		index, clear := 0, first[0].transparent
		if clear >= 0 {
			index = clear
		}
		if index < len(indices.Palette) {
			ground = toNRGBA(indices.Palette[index])
		}
		if clear >= 0 {
			ground.A = 0
			for y := range m.H {
				for x, v := range indices.Pix[y*indices.Stride : y*indices.Stride+m.W] {
					if int(v) == clear {
						m.Pix[4*(y*m.W+x)+3] = 0
					}
				}
			}
		}
	}
	return m.placedOn(ground, img.Bounds().Min.X, img.Bounds().Min.Y, c.Width, c.Height), nil
}

// opaqueGIF is a file whose frames have no transparent index: the standard library forgets the colour of one, so it is not told of it.
func opaqueGIF(data []byte, frames []gifFrame) []byte {
	opaque := bytes.Clone(data)
	for _, f := range frames {
		for _, at := range f.controls {
			opaque[at] &^= 1
		}
	}
	return opaque
}
