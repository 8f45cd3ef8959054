package nfnet

import (
	"math"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision"
)

// conv is a convolution of standardised weights. The gain of what comes before it is among them.
type conv struct {
	weight, bias           *tensor.Tensor // [out, in/groups, k, k], [out]
	path                   string
	kernel, stride, groups int
}

// newConv binds name.{weight,gain,bias}; in is what a group reads, and gain what its input would have been scaled by.
func newConv(b *nn.Builder, name string, in, out, size, stride, groups int, gain float64) conv {
	c := b.Sub(name)
	zero, one := nn.Init{}, nn.Init{Kind: nn.One}
	w := c.Tensor("weight", nn.Init{Kind: nn.Normal, Std: 0.02}, out, in, size, size).Floats()
	g := c.Tensor("gain", one, out, 1, 1, 1).Floats()
	return conv{
		weight: shaped(standardised(w, g, gain), out, in, size, size), bias: c.Tensor("bias", zero, out),
		path: c.Path(), kernel: size, stride: stride, groups: groups,
	}
}

// standardised is each output channel's weights with a mean of 0, a sum of squares of 1, times the channel's gain and another.
func standardised(w, gains []float32, gain float64) []float32 {
	out := make([]float32, len(w))
	if len(gains) == 0 || len(w) == 0 { // what is missing is reported elsewhere
		return out
	}
	n := len(w) / len(gains)
	for o, g := range gains {
		row := w[o*n : (o+1)*n]
		var mean, spread float64
		for _, v := range row {
			mean += float64(v) / float64(n)
		}
		for _, v := range row {
			spread += (float64(v) - mean) * (float64(v) - mean) / float64(n)
		}
		scale := gain * float64(g) / math.Sqrt((spread+stdEps)*float64(n))
		for i, v := range row {
			out[o*n+i] = float32((float64(v) - mean) * scale)
		}
	}
	return out
}

// shaped gives values a shape. Where a tensor is missing they are none, and the model is not used.
func shaped(x []float32, shape ...int) *tensor.Tensor {
	if len(x) != tensor.Count(shape) {
		return tensor.NewParam("", make([]int, len(shape))...)
	}
	return tensor.FromFloats(x, shape...)
}

// forward convolves x [B, H, W, in] with TensorFlow's "same" padding: the output's side is ⌈n/stride⌉, and where what that takes is odd,
// the larger half stands behind.
func (c *conv) forward(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	top, bottom := vision.SamePadding(x.Dim(1), c.kernel, c.stride)
	left, right := vision.SamePadding(x.Dim(2), c.kernel, c.stride)
	y := r.Conv2D(x, c.weight, c.bias, tensor.ConvArgs{
		Stride: [2]int{c.stride, c.stride}, Pad: [4]int{top, left, bottom, right}, Groups: c.groups,
	})
	r.Observe(c.path, y)
	return y
}

// squeeze is squeeze-excitation: every channel is weighed by what the channels are on average over the map.
type squeeze struct {
	fc1, bias1, fc2, bias2 *tensor.Tensor // [squeeze, channels], [channels, squeeze]
	path                   string
}

func newSqueeze(b *nn.Builder, channels, width int) squeeze {
	start := nn.Init{Kind: nn.TorchLinear}
	matrix := func(name string, out, in int) *tensor.Tensor {
		return shaped(b.Tensor(name+".weight", start, out, in, 1, 1).Floats(), out, in)
	}
	return squeeze{
		fc1: matrix("fc1", width, channels), bias1: b.Tensor("fc1.bias", start, width),
		fc2: matrix("fc2", channels, width), bias2: b.Tensor("fc2.bias", start, channels), path: b.Path(),
	}
}

// forward weighs x [B, H, W, channels].
func (s *squeeze) forward(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	batch, cells, d := x.Dim(0), x.Dim(1)*x.Dim(2), x.Dim(3)
	mean := r.MeanAxis(r.Reshape(x, batch, cells, d), 1)
	gate := r.Linear(r.Linear(mean, s.fc1, s.bias1, kernel.ReLU), s.fc2, s.bias2, kernel.Sigmoid)
	y := r.New(x.Shape()...)
	for b := range batch {
		g := gate.Data()[b*d : (b+1)*d]
		for i := b * cells * d; i < (b+1)*cells*d; i += d {
			for c, v := range x.Data()[i : i+d] {
				y.Data()[i+c] = v * g[c]
			}
		}
	}
	r.Observe(s.path, y)
	return y
}

// halved is the mean of each 2×2 cells of x [B, H, W, channels]; at an odd edge, of those that are there.
func halved(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	batch, h, w, d := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	high, wide := (h+1)/2, (w+1)/2
	y := r.Zeros(batch, high, wide, d)
	for at := range batch * high * wide {
		b, oy, ox := at/(high*wide), at/wide%high, at%wide
		rows, cols := min(2, h-2*oy), min(2, w-2*ox)
		to := y.Data()[at*d : (at+1)*d]
		share := 1 / float32(rows*cols)
		for k := range rows * cols {
			from := ((b*h+2*oy+k/cols)*w + 2*ox + k%cols) * d
			for c, v := range x.Data()[from : from+d] {
				to[c] += v * share
			}
		}
	}
	return y
}
