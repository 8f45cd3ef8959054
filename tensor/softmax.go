package tensor

// softmaxOp is y = softmax(x) over the last axis; it keeps y.
type softmaxOp struct{ x, y *Tensor }

// Softmax normalises the last axis to probabilities.
func (r *Run) Softmax(x *Tensor) *Tensor {
	o := op[softmaxOp](r)
	o.x, o.y = x, r.like(x)
	r.each(x.Rows(), 12*x.Dim(-1), o)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

func (o *softmaxOp) span(r *Run, _, from, to int) {
	d := o.x.Dim(-1)
	for i := from; i < to; i++ {
		y := o.y.data[i*d : (i+1)*d]
		copy(y, o.x.data[i*d:(i+1)*d])
		r.eng.Softmax(y)
	}
}

func (o *softmaxOp) result() *Tensor { return o.y }

func (o *softmaxOp) backward(r *Run, dy []float32) {
	b := op[softmaxBackward](r)
	b.o, b.dx, b.dy = o, r.addGrad(o.x), dy
	d := o.x.Dim(-1)
	r.each(o.x.Rows(), 12*d, b)
}

type softmaxBackward struct {
	o      *softmaxOp
	dx, dy []float32
}

func (b *softmaxBackward) span(r *Run, _, from, to int) {
	d := b.o.x.Dim(-1)
	for i := from; i < to; i++ {
		y, dy, dx := b.o.y.data[i*d:(i+1)*d], b.dy[i*d:(i+1)*d], b.dx[i*d:(i+1)*d]
		c := r.eng.Dot(y, dy)
		for j, p := range y {
			dx[j] += p * (dy[j] - c)
		}
	}
}

// normalizeOp is y = x/max(‖x‖, 1e-12) over the last axis; it keeps y and 1/‖x‖ of each row.
type normalizeOp struct {
	x, y    *Tensor
	inverse []float32
}

// Normalize scales the last axis to length 1: x/max(‖x‖, 1e-12).
func (r *Run) Normalize(x *Tensor) *Tensor {
	o := op[normalizeOp](r)
	o.x, o.y = x, r.like(x)
	o.inverse = r.arena.alloc(x.Rows())
	r.each(x.Rows(), 3*x.Dim(-1), o)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

// shortest is the length below which Normalize divides by this instead.
const shortest = 1e-12

func (o *normalizeOp) span(r *Run, _, from, to int) {
	d := o.x.Dim(-1)
	for i := from; i < to; i++ {
		y := o.y.data[i*d : (i+1)*d]
		copy(y, o.x.data[i*d:(i+1)*d])
		o.inverse[i] = float32(1 / max(sqrt(r.eng.SumSquares(y)), shortest))
		r.eng.Scale(o.inverse[i], y)
	}
}

func (o *normalizeOp) result() *Tensor { return o.y }

func (o *normalizeOp) backward(r *Run, dy []float32) {
	d := o.x.Dim(-1)
	dx := r.addGrad(o.x)
	for i, inverse := range o.inverse {
		y, dy, dx := o.y.data[i*d:(i+1)*d], dy[i*d:(i+1)*d], dx[i*d:(i+1)*d]
		r.eng.Axpy(inverse, dy, dx)
		if inverse < 1/shortest {
			r.eng.Axpy(-inverse*r.eng.Dot(y, dy), y, dx)
		}
	}
}
