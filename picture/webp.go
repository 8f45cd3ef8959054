package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

func isWebP(data []byte) bool {
	return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
}

// chunk is one part of a RIFF file.
type chunk struct {
	id   string
	data []byte
}

// riffChunks splits the bytes after a RIFF header, up to the first chunk that is cut short.
func riffChunks(data []byte) []chunk {
	var out []chunk
	for len(data) >= 8 {
		n := int64(binary.LittleEndian.Uint32(data[4:]))
		if n > int64(len(data)-8) {
			break
		}
		out = append(out, chunk{string(data[:4]), data[8 : 8+n]})
		data = data[min(8+n+n&1, int64(len(data))):]
	}
	return out
}

func webpOrientation(data []byte) int {
	inXMP := 0
	for _, c := range riffChunks(data[12:]) {
		switch c.id {
		case "EXIF":
			if o := exifOrientation(c.data); o != 0 {
				return o
			}
		case "XMP ":
			inXMP = xmpOrientation(c.data)
		}
	}
	return inXMP
}

// webpDecode reads a still picture, or the first frame of an animation where it lies on the canvas.
func webpDecode(data []byte) (*RGBA, error) {
	if int64(binary.LittleEndian.Uint32(data[4:]))+8 > int64(len(data)) {
		return nil, io.ErrUnexpectedEOF
	}
	for _, c := range riffChunks(data[12:]) {
		if c.id == "ANMF" {
			return webpFrame(data, c.data)
		}
	}
	return webpStill(data)
}

// webpFrame decodes one frame of an animation by making a file of its own out of it.
func webpFrame(data, frame []byte) (*RGBA, error) {
	const header = 16
	if len(frame) < header {
		return nil, errors.New("frame header is cut short")
	}
	w, h, err := webpConfig(data)
	if err != nil {
		return nil, err
	}
	x, y := 2*int(uint24(frame)), 2*int(uint24(frame[3:]))
	fw, fh := int(uint24(frame[6:]))+1, int(uint24(frame[9:]))+1
	if x+fw > w || y+fh > h {
		return nil, errors.New("first frame lies outside the canvas")
	}
	body := []byte("WEBP")
	for _, c := range riffChunks(frame[header:]) {
		switch c.id {
		case "ALPH":
			const hasAlpha = 1 << 4
			extended := append([]byte{hasAlpha, 0, 0, 0}, frame[6:12]...)
			body = appendChunk(body, "VP8X", extended)
			body = appendChunk(body, c.id, c.data)
		case "VP8 ", "VP8L":
			body = appendChunk(body, c.id, c.data)
		}
	}
	still := appendChunk(nil, "RIFF", body)
	if sw, sh, err := webpConfig(still); err != nil || sw != fw || sh != fh {
		return nil, errors.New("first frame's size contradicts its header")
	}
	m, err := webpStill(still)
	if err != nil {
		return nil, err
	}
	return m.placed(x, y, w, h), nil
}

func appendChunk(to []byte, id string, data []byte) []byte {
	to = append(to, id...)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(data)))
	to = append(to, data...)
	if len(data)&1 == 1 {
		to = append(to, 0)
	}
	return to
}

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }

func webpStill(data []byte) (*RGBA, error) {
	img, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch src := img.(type) {
	case *image.YCbCr:
		return vp8Picture(src), nil
	case *image.NYCbCrA:
		out := vp8Picture(&src.YCbCr)
		for y := range out.H {
			for x := range out.W {
				out.Pix[4*(y*out.W+x)+3] = src.A[y*src.AStride+x]
			}
		}
		return out, nil
	}
	return fromImage(img), nil
}

// vp8Picture turns VP8's planes into RGB. Unlike JPEG's they are of limited range, luma 16 to 235, and the chroma
// samples lie between four luma samples each; every pixel takes 9/16, 3/16, 3/16 and 1/16 of the four nearest.
func vp8Picture(src *image.YCbCr) *RGBA {
	out := NewRGBA(src.Rect.Dx(), src.Rect.Dy())
	cw, ch := (out.W+1)/2, (out.H+1)/2
	u := chromaLine{plane: plane{src.Cb, src.CStride, cw, ch}, out: make([]uint8, 2*cw+1)}
	v := chromaLine{plane: plane{src.Cr, src.CStride, cw, ch}, out: make([]uint8, 2*cw+1)}
	for y := range out.H {
		luma := src.Y[y*src.YStride:]
		cb, cr := u.line(y, out.W), v.line(y, out.W)
		dst := out.Pix[4*y*out.W : 4*(y+1)*out.W]
		for x := range out.W {
			p := dst[4*x : 4*x+4 : 4*x+4]
			p[0], p[1], p[2] = vp8ToRGB(int32(luma[x]), int32(cb[x]), int32(cr[x]))
			p[3] = 255
		}
	}
	return out
}

type chromaLine struct {
	plane
	out []uint8
}

// line returns the chroma of the picture's row y, width samples of it. The two roundings, first of the diagonals and
// then of the mean with the nearest sample, are the reference decoder's.
func (c *chromaLine) line(y, width int) []uint8 {
	near := y/2 - 1
	if y&1 == 1 {
		near = y/2 + 1
	}
	here, other := c.row(y/2), c.row(near)
	out := c.out
	edge := func(i int) uint8 { return uint8((3*int(here[i]) + int(other[i]) + 2) >> 2) }
	out[0] = edge(0)
	for i := 1; i < len(here); i++ {
		l, r, ol, or := int(here[i-1]), int(here[i]), int(other[i-1]), int(other[i])
		sum := l + r + ol + or + 8
		falling := (sum + 2*(ol+r)) >> 3
		rising := (sum + 2*(l+or)) >> 3
		out[2*i-1] = uint8((falling + l) >> 1)
		out[2*i] = uint8((rising + r) >> 1)
	}
	if width%2 == 0 {
		out[width-1] = edge(len(here) - 1)
	}
	return out
}

// vp8ToRGB is the reference decoder's fixed-point conversion: 14 fractional bits, of which 8 go early.
func vp8ToRGB(y, u, v int32) (r, g, b uint8) {
	luma := (y * 19077) >> 8
	return clamp8((luma + (v*26149)>>8 - 14234) >> 6),
		clamp8((luma - (u*6419)>>8 - (v*13320)>>8 + 8708) >> 6),
		clamp8((luma + (u*33050)>>8 - 17685) >> 6)
}
