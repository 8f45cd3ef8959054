package tensor

import "dragoman/kernel"

// A depthwise convolution is, for each place of the result, a sum of rows of channels times rows of the weight, which for that
// is turned to [kh·kw, C]; for a frozen weight once.

func (o *convOp) depthwise(r *Run) {
	d := op[depthwise](r)
	d.o, d.taps, d.bias = o, o.taps(), o.b.floats()
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
	w := o.w.data
	if w == nil {
		w = make([]float32, o.w.Len())
		m := o.w.mat
		for i := range m.Rows {
			kernel.Decode(m.DType, w[i*m.Cols:(i+1)*m.Cols], m.Row(i))
		}
	}
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
}

func (d *depthwise) span(r *Run, _, from, to int) {
	o := d.o
	for row := from; row < to; row++ {
		y := o.sum[row*o.outWidth*o.channels:][:o.outWidth*o.channels]
		for x := range o.outWidth {
			sum := y[x*o.channels:][:o.channels]
			if d.bias != nil {
				copy(sum, d.bias)
			} else {
				clear(sum)
			}
			o.around(row, x, func(pixel, tap int) {
				multiplyAdd(sum, o.x.data[pixel:][:o.channels], d.taps[tap:][:o.channels])
			})
		}
		if o.fused != kernel.NoAct {
			r.eng.Apply(o.fused, y, y)
		}
	}
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
