package tensor

import (
	"fmt"

	"dragoman/kernel"
)

// binaryOp is y = a + b or a·b, where b's shape is the end of a's. The product keeps a and b.
type binaryOp struct {
	a, b, y *Tensor
	mul     bool
}

// Add is a + b; b's shape is a's, or the end of a's (a bias, positions).
func (r *Run) Add(a, b *Tensor) *Tensor { return r.binary(a, b, false) }

// Mul is a·b elementwise, shapes as Add's.
func (r *Run) Mul(a, b *Tensor) *Tensor { return r.binary(a, b, true) }

func (r *Run) binary(a, b *Tensor, mul bool) *Tensor {
	if !endsWith(a.shape, b.shape) {
		panic(fmt.Sprintf("tensor: %v with %v, which is not its end", a.shape, b.shape))
	}
	o := op[binaryOp](r)
	o.a, o.b, o.y, o.mul = a, b, r.like(a), mul
	if a.Len() == b.Len() {
		r.each(a.Len(), 1, o)
	} else {
		r.each(a.Len()/max(1, b.Len()), b.Len(), o)
	}
	if r.wants(a, b) {
		r.record(o)
	}
	return o.y
}

// endsWith says whether the last axes of shape are those of end; axes of size 1 before them do not count.
func endsWith(shape, end []int) bool {
	for len(end) > 0 && end[0] == 1 && len(end) > 1 {
		end = end[1:]
	}
	if len(end) > len(shape) {
		return false
	}
	at := len(shape) - len(end)
	for i, d := range end {
		if shape[at+i] != d {
			return false
		}
	}
	return true
}

func (o *binaryOp) span(r *Run, _, from, to int) {
	f := r.eng.Add
	if o.mul {
		f = r.eng.Mul
	}
	b := o.b.floats()
	if len(b) == o.a.Len() {
		f(o.y.data[from:to], o.a.data[from:to], b[from:to])
		return
	}
	n := len(b)
	for i := from; i < to; i++ {
		f(o.y.data[i*n:(i+1)*n], o.a.data[i*n:(i+1)*n], b)
	}
}

func (o *binaryOp) result() *Tensor { return o.y }

func (o *binaryOp) backward(r *Run, dy []float32) {
	if !o.mul {
		if o.a.Len() == o.b.Len() {
			r.passGrad(o.b, nil, dy)
		} else if db := r.addGrad(o.b); db != nil {
			r.sumRows(db, dy)
		}
		r.passGrad(o.a, o.y, dy)
		return
	}
	n := o.b.Len()
	if da := r.addGrad(o.a); da != nil {
		r.mulAdd(da, dy, o.b.floats())
	}
	if db := r.addGrad(o.b); db != nil {
		if len(dy) == n {
			r.mulAdd(db, dy, o.a.data)
		} else {
			t := r.arena.alloc(len(dy))
			clear(t)
			r.mulAdd(t, dy, o.a.data)
			r.sumRows(db, t)
			r.arena.free(t)
		}
	}
}

// fusedAdd is dst += a·b for every repetition of b in a, or dst += c·a without b.
type fusedAdd struct {
	dst, a, b []float32
	c         float32
}

func (r *Run) mulAdd(dst, a, b []float32) {
	o := op[fusedAdd](r)
	o.dst, o.a, o.b = dst, a, b
	if len(a) == len(b) {
		r.each(len(a), 2, o)
	} else {
		r.each(len(a)/max(1, len(b)), 2*len(b), o)
	}
}

// addTo is dst += x.
func (r *Run) addTo(dst, x []float32) { r.axpy(1, x, dst) }

// axpy is dst += c·x.
func (r *Run) axpy(c float32, x, dst []float32) {
	o := op[fusedAdd](r)
	o.dst, o.a, o.c = dst, x, c
	r.each(len(x), 1, o)
}

func (o *fusedAdd) span(r *Run, worker, from, to int) {
	if o.b == nil {
		r.eng.Axpy(o.c, o.a[from:to], o.dst[from:to])
		return
	}
	if len(o.a) == len(o.b) {
		r.mulAddSpan(worker, o.dst[from:to], o.a[from:to], o.b[from:to])
		return
	}
	n := len(o.b)
	for i := from; i < to; i++ {
		r.mulAddSpan(worker, o.dst[i*n:(i+1)*n], o.a[i*n:(i+1)*n], o.b)
	}
}

// mulAddSpan is dst += a·b.
func (r *Run) mulAddSpan(worker int, dst, a, b []float32) {
	buffer := r.scratch(worker, strip)
	for at := 0; at < len(dst); at += strip {
		end := min(at+strip, len(dst))
		t := buffer[:end-at]
		r.eng.Mul(t, a[at:end], b[at:end])
		r.eng.Add(dst[at:end], dst[at:end], t)
	}
}

// scaleOp is y = c·x, or c·x for a c that is s or 1/s. It keeps x and s where s wants a gradient.
type scaleOp struct {
	x, s, y *Tensor
	c       float32
	inverse bool
}

// Scale is c·x.
func (r *Run) Scale(x *Tensor, c float32) *Tensor { return r.scale(x, nil, c, false) }

// ScaleBy is x·s for a tensor s of one element (a learned temperature, a gate).
func (r *Run) ScaleBy(x, s *Tensor) *Tensor { return r.scale(x, s, one(s), false) }

// DivBy is x/s for a tensor s of one element.
func (r *Run) DivBy(x, s *Tensor) *Tensor { return r.scale(x, s, 1/one(s), true) }

func one(s *Tensor) float32 {
	if s.Len() != 1 {
		panic(fmt.Sprintf("tensor: scale by %v, which is not one element", s.shape))
	}
	return s.floats()[0]
}

func (r *Run) scale(x, s *Tensor, c float32, inverse bool) *Tensor {
	o := op[scaleOp](r)
	o.x, o.s, o.y, o.c, o.inverse = x, s, r.like(x), c, inverse
	r.each(x.Len(), 1, o)
	if r.wants(x, s) {
		r.record(o)
	}
	return o.y
}

func (o *scaleOp) span(r *Run, _, from, to int) {
	y := o.y.data[from:to]
	copy(y, o.x.data[from:to])
	r.eng.Scale(o.c, y)
}

func (o *scaleOp) result() *Tensor { return o.y }

func (o *scaleOp) backward(r *Run, dy []float32) {
	if dx := r.addGrad(o.x); dx != nil {
		r.axpy(o.c, dy, dx)
	}
	if ds := r.addGrad(o.s); ds != nil {
		d := r.dot(dy, o.x.data)
		if o.inverse {
			d *= -float64(o.c) * float64(o.c)
		}
		ds[0] += float32(d)
	}
}

// dot is Σ a·b, summed strip by strip in order.
func (r *Run) dot(a, b []float32) float64 {
	var sum float64
	for at := 0; at < len(a); at += strip {
		end := min(at+strip, len(a))
		sum += float64(r.eng.Dot(a[at:end], b[at:end]))
	}
	return sum
}

// actOp is y = act(x); it keeps x.
type actOp struct {
	x, y *Tensor
	act  kernel.Act
}

// Act is the activation alone.
func (r *Run) Act(x *Tensor, act kernel.Act) *Tensor {
	o := op[actOp](r)
	o.x, o.y, o.act = x, r.like(x), act
	r.each(x.Len(), 8, o)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

func (o *actOp) span(r *Run, _, from, to int) {
	r.eng.Apply(o.act, o.y.data[from:to], o.x.data[from:to])
}

func (o *actOp) result() *Tensor { return o.y }

func (o *actOp) backward(r *Run, dy []float32) {
	b := op[applyBackward](r)
	b.act, b.dx, b.dy, b.x = o.act, r.addGrad(o.x), dy, o.x.data
	r.each(len(dy), 8, b)
}

// applyBackward is dx += dy·act'(x).
type applyBackward struct {
	act       kernel.Act
	dx, dy, x []float32
}

func (b *applyBackward) span(r *Run, _, from, to int) {
	r.eng.ApplyBackward(b.act, b.dx[from:to], b.dy[from:to], b.x[from:to])
}

// gluOp is y = act(gate)·up; it keeps gate and up and computes act(gate) again.
type gluOp struct {
	gate, up, y *Tensor
	act         kernel.Act
}

// GLU is act(gate)·up (SwiGLU with SiLU, T5's with GELU).
func (r *Run) GLU(gate, up *Tensor, act kernel.Act) *Tensor {
	if gate.Len() != up.Len() {
		panic(fmt.Sprintf("tensor: gate of %v for %v", gate.shape, up.shape))
	}
	o := op[gluOp](r)
	o.gate, o.up, o.y, o.act = gate, up, r.like(up), act
	r.each(up.Len(), 8, o)
	if r.wants(gate, up) {
		r.record(o)
	}
	return o.y
}

func (o *gluOp) span(r *Run, _, from, to int) {
	for at := from; at < to; at += strip {
		end := min(at+strip, to)
		y := o.y.data[at:end]
		r.eng.Apply(o.act, y, o.gate.data[at:end])
		r.eng.Mul(y, y, o.up.data[at:end])
	}
}

func (o *gluOp) result() *Tensor { return o.y }

func (o *gluOp) backward(r *Run, dy []float32) {
	b := op[gluBackward](r)
	b.o, b.dy, b.dgate, b.dup = o, dy, r.addGrad(o.gate), r.addGrad(o.up)
	r.each(len(dy), 16, b)
}

type gluBackward struct {
	o              *gluOp
	dy, dgate, dup []float32
}

func (b *gluBackward) span(r *Run, worker, from, to int) {
	buffer := r.scratch(worker, strip)
	o := b.o
	for at := from; at < to; at += strip {
		end := min(at+strip, to)
		t, dy, gate := buffer[:end-at], b.dy[at:end], o.gate.data[at:end]
		if b.dgate != nil {
			r.eng.Mul(t, dy, o.up.data[at:end])
			r.eng.ApplyBackward(o.act, b.dgate[at:end], t, gate)
		}
		if b.dup != nil {
			r.eng.Apply(o.act, t, gate)
			r.eng.Mul(t, t, dy)
			r.eng.Add(b.dup[at:end], b.dup[at:end], t)
		}
	}
}

// addNOp is the sum of several tensors.
type addNOp struct {
	xs []*Tensor
	y  *Tensor
}

// AddN is the sum of tensors of one shape.
func (r *Run) AddN(xs ...*Tensor) *Tensor {
	y := r.like(xs[0])
	copy(y.data, xs[0].data)
	for _, x := range xs[1:] {
		if x.Len() != y.Len() {
			panic(fmt.Sprintf("tensor: sum of %v and %v", y.shape, x.shape))
		}
		r.addTo(y.data, x.data)
	}
	if r.wants(xs...) {
		o := op[addNOp](r)
		o.xs, o.y = r.operands.take(len(xs)), y
		copy(o.xs, xs)
		r.record(o)
	}
	return y
}

func (o *addNOp) result() *Tensor { return o.y }

func (o *addNOp) backward(r *Run, dy []float32) {
	for _, x := range o.xs {
		r.passGrad(x, nil, dy)
	}
}

// Detach is x without its past.
func (r *Run) Detach(x *Tensor) *Tensor {
	y := r.view(x.shape)
	y.data = x.data
	return y
}

// dropoutOp is y = x/(1−p) where the draw of an element is high enough, else 0. It keeps the seed and draws again.
type dropoutOp struct {
	x, y *Tensor
	draw draw
}

// Dropout zeroes elements with probability p in training and scales the others by 1/(1−p).
func (r *Run) Dropout(x *Tensor, p float32) *Tensor {
	if !r.opt.Train || p <= 0 {
		return x
	}
	o := op[dropoutOp](r)
	o.x, o.y, o.draw = x, r.like(x), r.nextDraw(p)
	r.each(x.Len(), 2, o)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

func (o *dropoutOp) span(r *Run, _, from, to int) {
	y := o.y.data[from:to]
	o.draw.fill(y, uint64(from))
	r.eng.Mul(y, y, o.x.data[from:to])
}

func (o *dropoutOp) result() *Tensor { return o.y }

func (o *dropoutOp) backward(r *Run, dy []float32) {
	b := op[dropoutBackward](r)
	b.dx, b.dy, b.draw = r.addGrad(o.x), dy, o.draw
	r.each(len(dy), 2, b)
}

type dropoutBackward struct {
	dx, dy []float32
	draw   draw
}

func (b *dropoutBackward) span(r *Run, worker, from, to int) {
	buffer := r.scratch(worker, strip)
	for at := from; at < to; at += strip {
		end := min(at+strip, to)
		t, dx := buffer[:end-at], b.dx[at:end]
		b.draw.fill(t, uint64(at))
		r.eng.Mul(t, t, b.dy[at:end])
		r.eng.Add(dx, dx, t)
	}
}

// draw is one round of dropout: what every element is multiplied by depends on the seed, the round and its index alone.
type draw struct {
	seed  uint64
	below uint32 // 16-bit draws below it are zeroed
	keep  float32
}

func (r *Run) nextDraw(p float32) draw {
	r.draws++
	return draw{seed: mix(r.opt.Seed) + mix(^r.draws), below: uint32(p*65536 + 0.5), keep: 1 / (1 - p)}
}

// fill sets dst to what the elements from the given index on are multiplied by. One random number serves four elements.
func (d draw) fill(dst []float32, from uint64) {
	random := mix(d.seed+from>>2) >> (from & 3 * 16)
	values := [2]float32{0, d.keep}
	for i := range dst {
		at := from + uint64(i)
		if at&3 == 0 {
			random = mix(d.seed + at>>2)
		}
		kept := uint32(1)
		if uint32(random&0xffff) < d.below {
			kept = 0
		}
		dst[i] = values[kept]
		random >>= 16
	}
}

// mix is the output function of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
