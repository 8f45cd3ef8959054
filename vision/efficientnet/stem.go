package efficientnet

import (
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision"
)

// The stem is a dense convolution of 3×3 at stride 2.
const (
	stemKernel = 3
	stemStride = 2
	patchLen   = 3 * stemKernel * stemKernel
)

// stem is the first convolution. Pixels come as planes of colours, and its weight wants patches colour by colour: so it takes
// the patches from the planes, and the rest is a matrix product whose result has the channels last.
type stem struct{ conv }

func newStem(b *nn.Builder) stem {
	c := newConv(b, "_conv_stem", "_bn0", 3, stemWidth, stemKernel, stemStride, 1)
	c.weight = tensor.FromFloats(c.weight.Data(), stemWidth, patchLen)
	return stem{c}
}

// forward convolves pixels [B, 3, H, W] to [B, H/2, W/2, 32].
func (s *stem) forward(r *tensor.Run, pixels *tensor.Tensor) *tensor.Tensor {
	batch, h, w := pixels.Dim(0), pixels.Dim(2), pixels.Dim(3)
	high, wide := side(h, stemStride), side(w, stemStride)
	patches := r.New(batch, high, wide, patchLen)
	tensor.DefaultPool().Do(batch*high, func(row, _ int) {
		picture := pixels.Data()[row/high*3*h*w:][:3*h*w]
		stemPatches(patches.Data()[row*wide*patchLen:][:wide*patchLen], picture, row%high, h, w)
	})
	return r.Linear(patches, s.weight, s.bias, s.act)
}

// stemPatches writes the patches of row y of the result, each 3 colours of 3 rows of 3 pixels, 0 outside of the picture.
func stemPatches(dst, picture []float32, y, h, w int) {
	top, _ := vision.SamePadding(h, stemKernel, stemStride)
	left, _ := vision.SamePadding(w, stemKernel, stemStride)
	for part := range patchLen / stemKernel { // colour · 3 + row of the window
		to := dst[part*stemKernel:]
		sy := y*stemStride - top + part%stemKernel
		if sy < 0 || sy >= h {
			for at := 0; at < len(to); at += patchLen {
				to[at], to[at+1], to[at+2] = 0, 0, 0
			}
			continue
		}
		from := picture[(part/stemKernel*h+sy)*w:][:w]
		for at, x := 0, -left; at < len(to); at, x = at+patchLen, x+stemStride {
			if p := to[at : at+3 : at+3]; x >= 0 && x+3 <= w {
				f := from[x : x+3 : x+3]
				p[0], p[1], p[2] = f[0], f[1], f[2]
			} else {
				for k := range p {
					p[k] = 0
					if x+k >= 0 && x+k < w {
						p[k] = from[x+k]
					}
				}
			}
		}
	}
}
