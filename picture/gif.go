package picture

import (
	"bytes"
	"image"
	"image/gif"
)

// gifDecode draws the first frame where it lies on the file's canvas, which is transparent elsewhere.
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
	if indices, ok := img.(*image.Paletted); ok && len(first) > 0 && first[0].transparent >= 0 {
		for y := range m.H {
			for x, v := range indices.Pix[y*indices.Stride : y*indices.Stride+m.W] {
				if int(v) == first[0].transparent {
					m.Pix[4*(y*m.W+x)+3] = 0
				}
			}
		}
	}
	return m.placed(img.Bounds().Min.X, img.Bounds().Min.Y, c.Width, c.Height), nil
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
