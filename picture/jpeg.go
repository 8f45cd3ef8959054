package picture

import (
	"bytes"
	"image"
	"image/jpeg"
)

// jpegDecode takes the planes from the standard library and does the rest as libjpeg does.
func jpegDecode(data []byte) (*RGBA, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch src := img.(type) {
	case *image.YCbCr:
		return yccPicture(src), nil
	case *image.CMYK:
		return cmykPicture(src), nil
	}
	return fromImage(img), nil
}

func yccPicture(src *image.YCbCr) *RGBA {
	sx, sy := 1, 1
	switch src.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		sx = 2
	case image.YCbCrSubsampleRatio420:
		sx, sy = 2, 2
	case image.YCbCrSubsampleRatio440:
		sy = 2
	case image.YCbCrSubsampleRatio411:
		sx = 4
	case image.YCbCrSubsampleRatio410:
		sx, sy = 4, 2
	}
	out := NewRGBA(src.Rect.Dx(), src.Rect.Dy())
	w, h := (out.W+sx-1)/sx, (out.H+sy-1)/sy
	cb := newUpsampler(plane{src.Cb, src.CStride, w, h}, sx, sy)
	cr := newUpsampler(plane{src.Cr, src.CStride, w, h}, sx, sy)
	for y := range out.H {
		luma := src.Y[y*src.YStride:]
		u, v := cb.line(y), cr.line(y)
		dst := out.Pix[4*y*out.W : 4*(y+1)*out.W]
		for x := range out.W {
			p := dst[4*x : 4*x+4 : 4*x+4]
			p[0], p[1], p[2] = yccToRGB(luma[x], u[x], v[x])
			p[3] = 255
		}
	}
	return out
}

// cmykPicture converts as Pillow does, without a colour profile.
func cmykPicture(src *image.CMYK) *RGBA {
	out := NewRGBA(src.Rect.Dx(), src.Rect.Dy())
	for y := range out.H {
		for x := range out.W {
			p, q := src.Pix[y*src.Stride+4*x:], out.Pix[4*(y*out.W+x):]
			q[0], q[1], q[2] = cmykToRGB(p[0], p[1], p[2], p[3])
			q[3] = 255
		}
	}
	return out
}

func cmykToRGB(c, m, y, k uint8) (r, g, b uint8) {
	light := 255 - int32(k)
	ink := func(v uint8) uint8 {
		t := int32(v)*light + 128
		return clamp8(light - (t>>8+t)>>8)
	}
	return ink(c), ink(m), ink(y)
}
