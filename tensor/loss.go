package tensor

import (
	"fmt"
	"math"
)

func sqrt(x float64) float64 { return math.Sqrt(x) }

// crossEntropyOp is the mean loss over rows of logits. It keeps the logits and log Σ exp of each row; the backward writes
// the softmax into the gradient and nowhere else.
type crossEntropyOp struct {
	logits, y *Tensor
	targets   []int32   // one a row, or
	soft      []float32 // as many as logits
	smoothing float32
	count     int       // rows that are not ignored
	rows      []float32 // the loss of each row
}

// CrossEntropy is the mean over rows of −log softmax(logits)[target], targets < 0 ignored (0 if all are), with label
// smoothing as PyTorch has it: logits [..., V], one target a row. The result has one element. The targets must stay as they
// are until the backward pass is over.
func (r *Run) CrossEntropy(logits *Tensor, targets []int32, smoothing float32) *Tensor {
	if len(targets) != logits.Rows() {
		panic(fmt.Sprintf("tensor: %d targets for logits of %v", len(targets), logits.shape))
	}
	o := op[crossEntropyOp](r)
	o.logits, o.targets, o.smoothing = logits, targets, smoothing
	for _, t := range targets {
		if int(t) >= logits.Dim(-1) {
			panic(fmt.Sprintf("tensor: target %d for logits of %v", t, logits.shape))
		}
		if t >= 0 {
			o.count++
		}
	}
	return r.crossEntropy(o)
}

// SoftCrossEntropy is the mean over rows of −Σ target·log softmax(logits); targets has the shape of logits and is constant.
// It must stay as it is until the backward pass is over.
func (r *Run) SoftCrossEntropy(logits *Tensor, targets []float32) *Tensor {
	if len(targets) != logits.Len() {
		panic(fmt.Sprintf("tensor: %d soft targets for logits of %v", len(targets), logits.shape))
	}
	o := op[crossEntropyOp](r)
	o.logits, o.soft, o.count = logits, targets, logits.Rows()
	return r.crossEntropy(o)
}

func (r *Run) crossEntropy(o *crossEntropyOp) *Tensor {
	o.y = r.Zeros(1)
	o.rows = r.arena.alloc(o.logits.Rows())
	if o.count > 0 {
		r.each(o.logits.Rows(), 12*o.logits.Dim(-1), o)
		var sum float64
		for _, l := range o.rows {
			sum += float64(l)
		}
		o.y.data[0] = float32(sum / float64(o.count))
	}
	if r.wants(o.logits) {
		r.record(o)
	}
	return o.y
}

// ignored says whether a row counts for nothing.
func (o *crossEntropyOp) ignored(row int) bool { return o.targets != nil && o.targets[row] < 0 }

func (o *crossEntropyOp) span(r *Run, worker, from, to int) {
	v := o.logits.Dim(-1)
	p := r.scratch(worker, v)
	for i := from; i < to; i++ {
		o.rows[i] = 0
		if o.ignored(i) {
			continue
		}
		x := o.logits.data[i*v : (i+1)*v]
		lse := r.eng.LogSumExp(x, p)
		if o.soft != nil {
			var loss float64
			for j, t := range o.soft[i*v : (i+1)*v] {
				if t != 0 {
					loss += float64(t) * float64(lse-x[j])
				}
			}
			o.rows[i] = float32(loss)
			continue
		}
		loss := (1 - o.smoothing) * (lse - x[o.targets[i]])
		if o.smoothing > 0 {
			var sum float64
			for _, l := range x {
				sum += float64(lse - l)
			}
			loss += o.smoothing * float32(sum/float64(v))
		}
		o.rows[i] = loss
	}
}

func (o *crossEntropyOp) result() *Tensor { return o.y }

func (o *crossEntropyOp) backward(r *Run, dy []float32) {
	b := op[crossEntropyBackward](r)
	b.o = o
	b.dx, b.fresh = r.grad(o.logits)
	if o.count > 0 {
		b.scale = dy[0] / float32(o.count)
	}
	r.each(o.logits.Rows(), 12*o.logits.Dim(-1), b)
	r.arena.free(o.rows)
}

type crossEntropyBackward struct {
	o     *crossEntropyOp
	dx    []float32
	fresh bool
	scale float32
}

func (b *crossEntropyBackward) span(r *Run, worker, from, to int) {
	o := b.o
	v := o.logits.Dim(-1)
	for i := from; i < to; i++ {
		dx := b.dx[i*v : (i+1)*v]
		if o.ignored(i) {
			if b.fresh {
				clear(dx)
			}
			continue
		}
		p := dx
		if !b.fresh {
			p = r.scratch(worker, v)
		}
		copy(p, o.logits.data[i*v:(i+1)*v])
		r.eng.Softmax(p)
		if o.soft != nil {
			targets := o.soft[i*v : (i+1)*v]
			var sum float32
			for _, t := range targets {
				sum += t
			}
			for j, t := range targets {
				p[j] = (p[j]*sum - t) * b.scale
			}
		} else {
			r.eng.Scale(b.scale, p)
			if o.smoothing > 0 {
				c := o.smoothing / float32(v) * b.scale
				for j := range p {
					p[j] -= c
				}
			}
			p[o.targets[i]] -= (1 - o.smoothing) * b.scale
		}
		if !b.fresh {
			r.eng.Add(dx, dx, p)
		}
	}
}
