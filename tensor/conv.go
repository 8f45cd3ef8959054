package tensor

import (
	"fmt"

	"dragoman/kernel"
)

// ConvArgs are a convolution's: strides and padding are (vertical, horizontal) and (top, left, bottom, right).
type ConvArgs struct {
	Stride [2]int
	Pad    [4]int
	Groups int // 0 stands for 1; equal to the channels: depthwise; between: each reads and makes its share of the channels
	Act    kernel.Act
}

// Conv2D convolves x [B, H, W, C] (channels last) with w [out, C/groups, kh, kw] (as PyTorch stores it) to [B, H', W', out].
func (r *Run) Conv2D(x, w, b *Tensor, a ConvArgs) *Tensor {
	if inGroups(x, w, a) {
		return r.grouped(x, w, b, a)
	}
	o := op[convOp](r)
	o.prepare(x, w, b, a)
	o.y = r.New(o.batch, o.outHeight, o.outWidth, o.out)
	record := r.wants(x, w, b)
	o.sum, o.act, o.fused = o.y.data, a.Act, a.Act
	if record && a.Act != kernel.NoAct {
		o.sum, o.fused = r.arena.alloc(o.y.Len()), kernel.NoAct
	}
	if o.groups == 1 {
		o.dense(r)
	} else {
		o.depthwise(r)
	}
	if o.fused != o.act {
		r.each(len(o.sum), 8, (*convAct)(o))
	}
	if record {
		r.record(o)
	}
	return o.y
}

// convOp is a convolution. It keeps x and what the activation was applied to.
type convOp struct {
	geometry
	x, w, b, y *Tensor
	sum        []float32  // the result before the activation, if that is kept; else the result
	act, fused kernel.Act // fused: what is applied at once
}

// geometry is the sizes of a convolution.
type geometry struct {
	batch, height, width, channels               int
	out, kernelHeight, kernelWidth               int
	outHeight, outWidth                          int
	stepDown, stepRight, padTop, padLeft, groups int
}

func (o *convOp) prepare(x, w, b *Tensor, a ConvArgs) {
	o.x, o.w, o.b = x, w, b
	ok := len(x.shape) == 4 && len(w.shape) == 4 && (b == nil || b.Len() == w.shape[0])
	if ok {
		o.geometry = geometry{
			batch: x.shape[0], height: x.shape[1], width: x.shape[2], channels: x.shape[3],
			out: w.shape[0], kernelHeight: w.shape[2], kernelWidth: w.shape[3],
			stepDown: max(1, a.Stride[0]), stepRight: max(1, a.Stride[1]), padTop: a.Pad[0], padLeft: a.Pad[1],
			groups: max(1, a.Groups),
		}
		o.outHeight = places(o.height+a.Pad[0]+a.Pad[2]-o.kernelHeight, o.stepDown)
		o.outWidth = places(o.width+a.Pad[1]+a.Pad[3]-o.kernelWidth, o.stepRight)
		dense := o.groups == 1 && w.shape[1] == o.channels
		deep := o.groups == o.channels && w.shape[1] == 1 && o.out == o.channels
		ok = (dense || deep) && o.outHeight > 0 && o.outWidth > 0
	}
	if !ok {
		panic(fmt.Sprintf("tensor: convolution of %v with %v and bias %v: %+v", x.shape, w.shape, shapeOf(b), a))
	}
}

// places is how many times a window fits that has room to move by.
func places(room, step int) int {
	if room < 0 {
		return 0
	}
	return room/step + 1
}

// convAct applies the activation where what it is applied to is kept.
type convAct convOp

func (o *convAct) span(r *Run, _, from, to int) {
	r.eng.Apply(o.act, o.y.data[from:to], o.sum[from:to])
}

func (o *convOp) result() *Tensor { return o.y }

func (o *convOp) backward(r *Run, dy []float32) {
	kept := o.act != kernel.NoAct
	if kept {
		b := op[actBackward](r)
		b.act, b.x, b.dy = o.act, o.sum, dy
		r.each(len(dy), 8, b)
		dy = o.sum
	}
	if db := r.addGrad(o.b); db != nil {
		r.sumRows(db, dy)
	}
	if o.groups == 1 {
		o.denseBackward(r, dy)
	} else {
		o.depthwiseBackward(r, dy)
	}
	if kept {
		r.arena.free(o.sum)
	}
}

// dense is a product of the weight as it is stored, [out, C·kh·kw], with the pictures' patches laid out in rows, one picture
// at a time because its patches are larger than itself. The patches of a 1×1 convolution are the pixels.
func (o *convOp) dense(r *Run) {
	m := r.arena.mark()
	images, rows, wide := o.split()
	p := op[patches](r)
	for image := range images {
		p.of(r, o, o.x.data, image)
		r.gemm(kernel.Gemm{
			M: rows, N: o.out, K: wide,
			A: kernel.Operand{Mat: kernel.MatF32(p.rows, rows, wide, wide)}, B: kernel.Operand{Mat: o.weight()},
			C: o.sum[image*rows*o.out:], LDC: o.out, Bias: o.b.floats(), Act: o.fused, Compute: r.opt.Compute,
		})
	}
	r.arena.rewind(m)
}

// pointwise says whether the patches are the pixels.
func (o *convOp) pointwise() bool {
	return o.kernelHeight == 1 && o.kernelWidth == 1 && o.outHeight == o.height && o.outWidth == o.width
}

// split says how many products the convolution is, of how many rows and columns.
func (o *convOp) split() (images, rows, wide int) {
	images, rows, wide = o.batch, o.outHeight*o.outWidth, o.channels*o.kernelHeight*o.kernelWidth
	if o.pointwise() {
		images, rows = 1, o.batch*rows
	}
	return images, rows, wide
}

// weight is the weight as a matrix [out, C·kh·kw].
func (o *convOp) weight() kernel.Mat {
	wide := o.channels * o.kernelHeight * o.kernelWidth
	if o.w.data != nil {
		return kernel.MatF32(o.w.data, o.out, wide, wide)
	}
	m := o.w.mat
	if m.DType.BlockLen() > 1 || m.Stride != m.DType.RowBytes(m.Cols) {
		x := o.w.floats()
		return kernel.MatF32(x, o.out, wide, wide)
	}
	return kernel.MatOf(m.DType, o.out, wide, m.Data)
}

// denseBackward adds up the weight's gradient picture by picture, in order.
func (o *convOp) denseBackward(r *Run, dy []float32) {
	images, rows, wide := o.split()
	dw, dx := r.addGrad(o.w), r.addGrad(o.x)
	p := op[patches](r)
	var memory, dpatches []float32
	for image := range images {
		d := kernel.MatF32(dy[image*rows*o.out:], rows, o.out, o.out)
		if dw != nil {
			if memory == nil && !o.pointwise() {
				memory = r.arena.alloc(rows * wide)
			}
			p.memory = memory
			p.of(r, o, o.x.data, image)
			r.gemm(kernel.Gemm{
				M: o.out, N: wide, K: rows, A: kernel.Operand{Mat: d, Trans: true},
				B: kernel.Operand{Mat: kernel.MatF32(p.rows, rows, wide, wide), Trans: true},
				C: dw, LDC: wide, Accumulate: true, Compute: r.opt.Compute,
			})
		}
		if dx == nil {
			continue
		}
		g := kernel.Gemm{
			M: rows, N: wide, K: o.out, A: kernel.Operand{Mat: d}, B: kernel.Operand{Mat: o.weight(), Trans: true},
			C: dx, LDC: wide, Accumulate: true, Compute: r.opt.Compute,
		}
		if !o.pointwise() {
			if dpatches == nil {
				dpatches = r.arena.alloc(rows * wide)
			}
			g.C, g.Accumulate = dpatches, false
		}
		r.gemm(g)
		if dpatches != nil {
			pixels := o.height * o.width * o.channels
			o.fold(dx[image*pixels:(image+1)*pixels], dpatches)
		}
	}
	r.arena.free(memory)
	r.arena.free(dpatches)
}

// patches lays out a picture's patches: a row for each place of the result, channel by channel as the weight has them.
type patches struct {
	o            *convOp
	memory, rows []float32
	pixels       []float32
}

// of sets rows to the patches of a picture, in memory, which it takes from the arena if there is none.
func (p *patches) of(r *Run, o *convOp, x []float32, image int) {
	if o.pointwise() {
		p.rows = x
		return
	}
	if p.memory == nil {
		p.memory = r.arena.alloc(o.outHeight * o.outWidth * o.channels * o.kernelHeight * o.kernelWidth)
	}
	n := o.height * o.width * o.channels
	p.o, p.rows, p.pixels = o, p.memory, x[image*n:(image+1)*n]
	r.each(o.outHeight, o.outWidth*o.channels*o.kernelHeight*o.kernelWidth, p)
}

func (p *patches) span(_ *Run, _, from, to int) {
	o := p.o
	area := o.kernelHeight * o.kernelWidth
	wide := area * o.channels
	for y := from; y < to; y++ {
		for x := range o.outWidth {
			row := p.rows[(y*o.outWidth+x)*wide:][:wide]
			for k := range area {
				sy, sx := y*o.stepDown-o.padTop+k/o.kernelWidth, x*o.stepRight-o.padLeft+k%o.kernelWidth
				if sy < 0 || sy >= o.height || sx < 0 || sx >= o.width {
					for c := k; c < wide; c += area {
						row[c] = 0
					}
					continue
				}
				pixel := p.pixels[(sy*o.width+sx)*o.channels:][:o.channels]
				for c, v := range pixel {
					row[c*area+k] = v
				}
			}
		}
	}
}

// fold adds the gradient of a picture's patches to the picture's.
func (o *convOp) fold(dx, dpatches []float32) {
	area := o.kernelHeight * o.kernelWidth
	wide := area * o.channels
	for y := range o.outHeight {
		for x := range o.outWidth {
			row := dpatches[(y*o.outWidth+x)*wide:][:wide]
			for k := range area {
				sy, sx := y*o.stepDown-o.padTop+k/o.kernelWidth, x*o.stepRight-o.padLeft+k%o.kernelWidth
				if sy < 0 || sy >= o.height || sx < 0 || sx >= o.width {
					continue
				}
				pixel := dx[(sy*o.width+sx)*o.channels:][:o.channels]
				for c := range pixel {
					pixel[c] += row[c*area+k]
				}
			}
		}
	}
}
