package picture

import (
	"bytes"
	"image"
	"image/gif"
)

// gifDecode draws the first frame where it lies on the file's canvas, which is transparent elsewhere. The standard library
// forgets the colour of the transparent index, so it is not told of it.
func gifDecode(data []byte) (*RGBA, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	data, transparent := opaqueGIF(data)
	img, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	m := fromImage(img)
	if indices, ok := img.(*image.Paletted); ok && transparent >= 0 {
		for y := range m.H {
			for x, v := range indices.Pix[y*indices.Stride : y*indices.Stride+m.W] {
				if int(v) == transparent {
					m.Pix[4*(y*m.W+x)+3] = 0
				}
			}
		}
	}
	return m.placed(img.Bounds().Min.X, img.Bounds().Min.Y, c.Width, c.Height), nil
}

// opaqueGIF returns a file whose first frame has no transparent index, and the index that it had, or −1.
func opaqueGIF(data []byte) ([]byte, int) {
	const header, extension, graphicControl, hasTransparent = 13, 0x21, 0xf9, 1
	if len(data) < header {
		return data, -1
	}
	at := header
	if flags := data[10]; flags&0x80 != 0 {
		at += 3 << (flags&7 + 1)
	}
	for at+2 < len(data) && data[at] == extension {
		control := data[at+1] == graphicControl
		block := at + 2
		if control && block+5 < len(data) && data[block] == 4 && data[block+1]&hasTransparent != 0 {
			data = bytes.Clone(data)
			data[block+1] &^= hasTransparent
			return data, int(data[block+4])
		}
		for block < len(data) && data[block] != 0 {
			block += 1 + int(data[block])
		}
		at = block + 1
	}
	return data, -1
}
