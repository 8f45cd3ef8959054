package tensor

import (
	"math"
	"testing"

	"dragoman/kernel"
)

// TestGroupedConv compares a grouped convolution, and its gradients, with loops over its definition.
func TestGroupedConv(t *testing.T) {
	const batch, side, channels, out, groups, size, stride, pad = 2, 5, 6, 9, 3, 3, 2, 1
	in, each := channels/groups, out/groups
	fill := func(shape ...int) *Tensor {
		p := NewParam("p", shape...)
		for i := range p.Data() {
			p.Data()[i] = float32(math.Sin(float64(i*i%97) + float64(len(shape))))
		}
		return p
	}
	x, w, b := fill(batch, side, side, channels), fill(out, in, size, size), fill(out)
	r := NewRun(Options{Grad: true, Engine: kernel.Engines()[0]})
	y := r.Conv2D(x, w, b, ConvArgs{Stride: [2]int{stride, stride}, Pad: [4]int{pad, pad, pad, pad}, Groups: groups})
	places := (side+2*pad-size)/stride + 1
	want, dx, dw := make([]float64, y.Len()), make([]float64, x.Len()), make([]float64, w.Len())
	for n := range want {
		want[n] = float64(b.Data()[n%out])
	}
	for n := range batch {
		for oy := range places {
			for ox := range places {
				for o := range out {
					at := ((n*places+oy)*places+ox)*out + o
					for k := range in * size * size {
						c, ky, kx := o/each*in+k/(size*size), oy*stride-pad+k/size%size, ox*stride-pad+k%size
						if ky < 0 || ky >= side || kx < 0 || kx >= side {
							continue
						}
						from := ((n*side+ky)*side+kx)*channels + c
						want[at] += float64(x.Data()[from]) * float64(w.Data()[o*in*size*size+k])
						// The loss is the sum of all values, so that each has the gradient 1.
						dx[from] += float64(w.Data()[o*in*size*size+k])
						dw[o*in*size*size+k] += float64(x.Data()[from])
					}
				}
			}
		}
	}
	r.Backward(r.SumAll(y), 1)
	for name, c := range map[string]struct {
		got  []float32
		want []float64
	}{"result": {y.Data(), want}, "input's gradient": {x.Grad(), dx}, "weight's gradient": {w.Grad(), dw}} {
		if len(c.got) != len(c.want) {
			t.Errorf("%s: %d values, want %d", name, len(c.got), len(c.want))
			continue
		}
		for i := range c.want {
			if d := math.Abs(float64(c.got[i]) - c.want[i]); !(d <= 1e-4) {
				t.Errorf("%s: element %d is %v, want %v", name, i, c.got[i], c.want[i])
				break
			}
		}
	}
}
