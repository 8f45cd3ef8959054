package kernel

import (
	"sync"
	"unsafe"
)

// rowsMax is the most rows of A that a product computes directly from the stored weights, without packing.
const rowsMax = 4

// rows computes products of few rows (M ≤ rowsMax, decoding) straight from the stored rows of B, which are not transposed:
// every weight is read once from memory, in order, and the workers share out the rows of all B. A sum's order depends on nothing
// but K, so neither the number of workers nor M changes a byte.
func (e *Engine) rows(w Workers, gs ...*Gemm) {
	j := takeRowsJob()
	j.prepare(e, w.Size(), gs)
	w.Do(j.tasks, j.run)
	j.free()
}

// rowKernel computes the products of four runs of stored rows with one row of inputs x. A run is rows rows, stride bytes from one
// to the next; the runs begin far bytes apart, so that each is a stream of its own: sums[i·rows+r] = Σ_k w[i·far+r·stride][k]·x[k].
// k is a number of columns, whole steps of the kernel's; for an int8 kernel x is what quantise makes and k a number of blocks, for an
// int16 kernel x is a run of int16Blocks or int16Pairs.
// ahead is how many bytes ahead of where it reads it asks for what comes.
type rowKernel func(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

// aheadBytes is how far ahead weights that lie row behind row are asked for.
const aheadBytes = 384

// rowsJob is such products while they are computed.
type rowsJob struct {
	e       *Engine
	parts   []rowsPart
	tasks   int
	inputs  []rowsInputs  // of each part that has its own
	scratch []rowsScratch // of each worker
	run     func(task, worker int)
}

// rowsPart is one product.
type rowsPart struct {
	*Gemm
	kernel rowKernel // nil: the generic loop
	round  rounding  // what that kernel wants its inputs to be
	whole  int       // columns that the kernel computes; the others are left to a Go loop
	count  int       // what the kernel takes as its k
	first  int       // its first task
	chunk  int       // rows of B in a task, a multiple of 4
	inputs [rowsMax]unsafe.Pointer
}

// rounding is what a kernel's inputs are rounded to.
type rounding uint8

const (
	unrounded rounding = iota
	toInt8
	toInt16
)

// rowsScratch is a worker's memory: sums that do not go straight to C, or a row of weights.
type rowsScratch struct {
	floats []float32
	_      [40]byte
}

var spareRows struct {
	sync.Mutex
	list []*rowsJob
}

func takeRowsJob() *rowsJob {
	spareRows.Lock()
	defer spareRows.Unlock()
	if n := len(spareRows.list); n > 0 {
		j := spareRows.list[n-1]
		spareRows.list = spareRows.list[:n-1]
		return j
	}
	j := new(rowsJob)
	j.run = j.task
	return j
}

func (j *rowsJob) free() {
	clear(j.parts) // hold on to no caller's memory
	j.e, j.parts = nil, j.parts[:0]
	spareRows.Lock()
	spareRows.list = append(spareRows.list, j)
	spareRows.Unlock()
}

// A worker gets tasksAWorker tasks, of weights within these bounds in bytes: many, so that all end at about the same time, but
// long enough to be streams.
const (
	tasksAWorker     = 6
	minTask, maxTask = 16 << 10, 256 << 10
)

func (j *rowsJob) prepare(e *Engine, workers int, gs []*Gemm) {
	j.e, j.tasks = e, 0
	total, room := 0, 0
	for _, g := range gs {
		total += g.N * g.B.DType.RowBytes(g.K)
	}
	task := min(max(total/(workers*tasksAWorker), minTask), maxTask)
	for i, g := range gs {
		p := rowsPart{Gemm: g, first: j.tasks}
		tasks := max(1, ceilDiv(g.N*g.B.DType.RowBytes(g.K), task))
		p.chunk = roundUp(ceilDiv(g.N, tasks), 4)
		j.tasks += ceilDiv(g.N, p.chunk)
		room = max(room, p.chunk+max(g.K, 4))
		p.choose(e)
		if i > 0 && p.sameInputs(&j.parts[i-1]) {
			p.inputs = j.parts[i-1].inputs
		} else if g.K > 0 {
			if len(j.inputs) <= i {
				j.inputs = append(j.inputs, make([]rowsInputs, i+1-len(j.inputs))...)
			}
			j.inputs[i].make(&p)
		}
		j.parts = append(j.parts, p)
	}
	if len(j.scratch) < workers {
		j.scratch = append(j.scratch, make([]rowsScratch, workers-len(j.scratch))...)
	}
	for i := range j.scratch {
		if s := &j.scratch[i]; cap(s.floats) < room {
			s.floats = make([]float32, room)
		}
	}
}

// choose finds the product's kernel.
func (p *rowsPart) choose(e *Engine) {
	if p.kernel = e.int8Rows()[p.B.DType]; p.kernel != nil && p.Compute == Q8_0 && p.K > 0 {
		p.round, p.whole, p.count = toInt8, p.K, p.K/32
		return
	}
	if p.kernel = e.int16Rows()[p.B.DType]; p.kernel != nil && p.Compute != F32 && p.K > 0 {
		p.round, p.whole, p.count = toInt16, p.K, p.K
		return
	}
	p.kernel, p.whole = e.floatRows()[p.B.DType], p.K&^15
	if p.kernel == nil || p.whole == 0 {
		p.kernel, p.whole = nil, 0
	}
	p.count = p.whole
}

// sameInputs says whether two products' kernels read the same inputs.
func (p *rowsPart) sameInputs(q *rowsPart) bool {
	a, b := &p.A, &q.A
	return p.M == q.M && p.K == q.K && p.K > 0 && a.Trans == b.Trans && a.DType == b.DType && a.Stride == b.Stride &&
		&a.Data[0] == &b.Data[0] && p.round == q.round && (p.round == unrounded || p.B.DType == q.B.DType)
}

// task computes a chunk of the columns of every row of C of one product.
func (j *rowsJob) task(task, worker int) {
	i := len(j.parts) - 1
	for task < j.parts[i].first {
		i--
	}
	p, loops, buf := &j.parts[i], j.e.loops(), j.scratch[worker].floats
	from := (task - p.first) * p.chunk
	to := min(from+p.chunk, p.N)
	for m := range p.M {
		c := p.C[m*p.LDC+from : m*p.LDC+to]
		sums := c
		if p.Accumulate || p.Act != NoAct {
			sums = buf[:to-from]
		}
		p.products(sums, buf[p.chunk:], from, m)
		if p.Scale != 0 && p.Scale != 1 {
			loops.scale(p.Scale, sums)
		}
		if p.Bias != nil {
			loops.add(sums, sums, p.Bias[from:to])
		}
		if p.Accumulate {
			loops.add(c, c, sums)
		} else if p.Act != NoAct {
			loops.act[p.Act](c, sums)
		}
	}
}

// products computes the sums of row m of A with the rows of B from from on; room is for a row, or four values.
func (p *rowsPart) products(sums, room []float32, from, m int) {
	b, n := &p.B, len(sums)
	if p.kernel == nil {
		clear(sums)
	} else {
		stride, run := b.Stride, n/4
		if run > 0 {
			p.kernel(&sums[0], unsafe.Pointer(&b.Data[from*stride]), stride, run*stride, run, p.inputs[m], p.count, aheadBytes)
		}
		for i := 4 * run; i < n; i++ { // a row alone stands in for four
			p.kernel(&room[0], unsafe.Pointer(&b.Data[(from+i)*stride]), 0, 0, 1, p.inputs[m], p.count, 0)
			sums[i] = room[0]
		}
	}
	if p.whole == p.K {
		return
	}
	x := unsafe.Slice((*float32)(p.inputs[m]), p.K)[p.whole:]
	weight := room[:len(x)]
	at := b.DType.RowBytes(p.whole)
	for i := range sums {
		Decode(b.DType, weight, b.Row(from + i)[at:])
		sums[i] += dot(weight, x)
	}
}
