package tensor

import (
	"fmt"

	"dragoman/kernel"
)

// A depthwise convolution is, for each place of the result, a sum of rows of channels times rows of the weight, which for that
// is turned to [kh·kw, C]; for a frozen weight once.

// maxTaps bounds the window of a depthwise convolution, 7×7.
const maxTaps = 49

func (o *convOp) depthwise(r *Run) {
	if o.kernelHeight*o.kernelWidth > maxTaps {
		panic(fmt.Sprintf("tensor: depthwise convolution with %d×%d weights, at most %d", o.kernelHeight, o.kernelWidth, maxTaps))
	}
	d := op[depthwise](r)
	d.o, d.taps, d.bias, d.act = o, o.taps(), o.b.floats(), kernel.NoAct
	if d.bias == nil {
		d.bias = r.arena.alloc(o.channels)
		clear(d.bias)
	}
	if o.fused == kernel.ReLU || o.fused == kernel.ReLU6 {
		d.act = o.fused
	}
	r.each(o.batch*o.outHeight, o.outWidth*o.channels*o.kernelHeight*o.kernelWidth*2, d)
}

// taps is the weight as [kh·kw, C].
func (o *convOp) taps() []float32 {
	if o.w.needs {
		return o.turned()
	}
	return o.w.cached(o.turned)
}

func (o *convOp) turned() []float32 {
	w := o.w.Floats()
	area := o.kernelHeight * o.kernelWidth
	taps := make([]float32, len(w))
	for i, v := range w {
		taps[i%area*o.channels+i/area] = v
	}
	return taps
}

// depthwise computes rows of the result.
type depthwise struct {
	o          *convOp
	taps, bias []float32
	act        kernel.Act // what the kernel applies; the rest is applied behind it
}

func (d *depthwise) span(r *Run, _, from, to int) {
	o := d.o
	inner, outer := o.inside()
	for row := from; row < to; row++ {
		for x := range inner {
			d.run(r, row, x, x+1)
		}
		d.run(r, row, inner, outer)
		for x := outer; x < o.outWidth; x++ {
			d.run(r, row, x, x+1)
		}
		if d.act != o.fused {
			y := o.sum[row*o.outWidth*o.channels:][:o.outWidth*o.channels]
			r.eng.Apply(o.fused, y, y)
		}
	}
}

// inside is the stretch of places of a row whose window does not reach beyond the picture's left or right edge.
func (o *geometry) inside() (from, to int) {
	from = min((o.padLeft+o.stepRight-1)/o.stepRight, o.outWidth)
	to = from
	if room := o.width + o.padLeft - o.kernelWidth; room >= 0 {
		to = max(from, min(room/o.stepRight+1, o.outWidth))
	}
	return from, to
}

// run computes the places from…to−1 of a row, whose windows lose the same columns to the picture's edges: all of them are
// inside, or it is one place.
func (d *depthwise) run(r *Run, row, from, to int) {
	if from >= to {
		return
	}
	o := d.o
	var taps [maxTaps]kernel.Tap
	n, first := 0, 0
	o.around(row, from, func(pixel, tap int) {
		if n == 0 {
			first = pixel
		}
		taps[n] = kernel.Tap{Pixel: pixel - first, Weight: tap}
		n++
	})
	k := kernel.Depthwise{
		Channels: o.channels, Places: to - from, Step: o.stepRight * o.channels, Taps: taps[:n],
		In: o.x.data[first:], Weight: d.taps, Bias: d.bias,
		Out: o.sum[(row*o.outWidth+from)*o.channels:], Act: d.act,
	}
	r.eng.Depthwise(&k)
}

// around calls f with where each pixel under the window at a place begins, and its tap. Rows count through all pictures.
func (o *convOp) around(row, x int, f func(pixel, tap int)) {
	image, y := row/o.outHeight, row%o.outHeight
	top, left := y*o.stepDown-o.padTop, x*o.stepRight-o.padLeft
	for ky := max(0, -top); ky < min(o.kernelHeight, o.height-top); ky++ {
		for kx := max(0, -left); kx < min(o.kernelWidth, o.width-left); kx++ {
			f(((image*o.height+top+ky)*o.width+left+kx)*o.channels, (ky*o.kernelWidth+kx)*o.channels)
		}
	}
}

// multiplyAdd is dst += a·b.
func multiplyAdd(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] += a[i] * b[i]
	}
}

func (o *convOp) depthwiseBackward(r *Run, dy []float32) {
	dw, dx := r.addGrad(o.w), r.addGrad(o.x)
	taps := o.taps()
	var dtaps []float32
	if dw != nil {
		dtaps = r.arena.alloc(len(taps))
		clear(dtaps)
	}
	for row := range o.batch * o.outHeight {
		for x := range o.outWidth {
			d := dy[(row*o.outWidth+x)*o.channels:][:o.channels]
			o.around(row, x, func(pixel, tap int) {
				if dx != nil {
					multiplyAdd(dx[pixel:][:o.channels], d, taps[tap:][:o.channels])
				}
				if dtaps != nil {
					multiplyAdd(dtaps[tap:][:o.channels], d, o.x.data[pixel:][:o.channels])
				}
			})
		}
	}
	if dtaps != nil {
		area := o.kernelHeight * o.kernelWidth
		for i := range dw {
			dw[i] += dtaps[i%area*o.channels+i/area]
		}
		r.arena.free(dtaps)
	}
}
