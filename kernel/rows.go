package kernel

import (
	"sync"
	"unsafe"
)

// fewRows is the most rows of A that a product always computes directly from the stored weights, without packing.
const fewRows = 4

// ManyRows is the most rows of A that any product computes so.
const ManyRows = 16

// mostRows is the most rows of A with which a product is computed so: decoding, of one text or of several. On AVX2, where weights other than float32 and
// bf16 are slow to pack and inputs rounded to int16 quick to multiply with, it is about as many as take the time that packing takes.
func (e *Engine) mostRows(g *Gemm) int {
	d := g.B.DType
	switch rounded := e.int16Kernel(g) != nil; {
	case g.B.Trans || g.B.Eights && !rounded:
		return 0
	case rounded && (g.B.Eights || d == Q4_0 || d == Q4_1):
		return ManyRows
	case rounded:
		return 10
	case e.family == AVX2 && d == F16:
		return 12
	}
	return fewRows
}

// Together is how many rows a product with stored rows b, which are not transposed, can have for each to be, to the last bit, what it is by itself.
// Rows of products with more than ManyRows do not hang on how many there are, either.
func (e *Engine) Together(b Mat, compute DType) int {
	return max(1, e.mostRows(&Gemm{B: Operand{Mat: b}, K: b.Cols, Compute: compute}))
}

// int16Kernel is the kernel that takes a product's inputs rounded to int16 and its weights as they lie; nil where there is none, or nothing may be
// rounded.
func (e *Engine) int16Kernel(g *Gemm) rowKernel {
	switch {
	case g.Compute == F32 || g.K == 0:
		return nil
	case g.B.Eights:
		return e.eightRows()[g.B.DType]
	}
	return e.int16Rows()[g.B.DType]
}

// rows computes products of few rows straight from the stored rows of B, which are not transposed:
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
// For weights in eights there are two runs, of groups of eight rows, and sums[i·8·rows+r] are those of run i.
// k is a number of columns, whole steps of the kernel's; for an int8 kernel x is what quantise makes and k a number of blocks, for an
// int16 kernel x is a run of int16Blocks or int16Pairs.
// ahead is how many bytes ahead of where it reads it asks for what comes.
type rowKernel func(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

// aheadBytes is how far ahead weights that lie row behind row are asked for.
const aheadBytes = 384

// aheadEights is that for weights that lie in eights: there are fewer and wider streams.
const aheadEights = 1152

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
	runs   int       // that the kernel computes side by side,
	unit   int       // of units of so many rows: 1, or 8 where they lie in eights
	shares int       // of the rows of B, one for each worker: that many runs each,
	apart  int       // which begin so many rows apart;
	step   int       // a task is so many rows of each run of a share,
	steps  int       // and there are so many of a share; what is left over is the last task
	inputs [ManyRows]unsafe.Pointer
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
	tasksAWorker     = 4
	minTask, maxTask = 32 << 10, 256 << 10
)

func (j *rowsJob) prepare(e *Engine, workers int, gs []*Gemm) {
	j.e, j.tasks = e, 0
	total, room := 0, 0
	for _, g := range gs {
		total += g.N * g.B.DType.RowBytes(g.K)
	}
	task := min(max(total/(workers*tasksAWorker), minTask), maxTask)
	for i, g := range gs {
		p := rowsPart{Gemm: g, first: j.tasks, shares: workers, runs: 4, unit: 1}
		if g.B.Eights {
			p.runs, p.unit = 2, eight
		}
		p.apart = g.N / (p.unit * p.runs * workers) * p.unit
		each := max(1, ceilDiv(g.N*g.B.DType.RowBytes(g.K), task*workers)) // so many steps would be of the right size
		p.step = max(1, ceilDiv(p.apart/p.unit, each)) * p.unit
		p.steps = ceilDiv(p.apart, p.step)
		j.tasks += p.shares * p.steps
		if p.rest() < g.N {
			j.tasks++
		}
		room = max(room, p.runs*max(p.step, workers*p.unit)+max(g.K, p.runs*p.unit))
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
	if p.kernel = e.int16Kernel(p.Gemm); p.kernel != nil {
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

// rest is the first row of those that are left over.
func (p *rowsPart) rest() int { return p.runs * p.shares * p.apart }

// task computes a step of a share of the rows of B with every row of A, or what is left over. Workers take tasks in turn, so that one which
// keeps pace goes on where it was: what it has asked for ahead it reads itself.
func (j *rowsJob) task(task, worker int) {
	i := len(j.parts) - 1
	for task < j.parts[i].first {
		i--
	}
	p, buf := &j.parts[i], j.scratch[worker].floats
	share, step := (task-p.first)%p.shares, (task-p.first)/p.shares
	for m := range p.M {
		if step < p.steps {
			done := step * p.step
			j.products(p, buf, m, p.runs*share*p.apart+done, p.apart, p.runs, min(p.step, p.apart-done))
			continue
		}
		rest := p.rest()
		run := (p.N - rest) / (p.unit * p.runs) * p.unit
		if run > 0 {
			j.products(p, buf, m, rest, run, p.runs, run)
		}
		if alone := rest + p.runs*run; alone < p.N {
			j.products(p, buf, m, alone, p.unit, (p.N-alone)/p.unit, p.unit)
		}
	}
}

// products computes runs of n rows of B, which begin apart rows after one another, with row m of A: as many runs as the kernel does, or fewer
// of a unit each.
func (j *rowsJob) products(p *rowsPart, buf []float32, m, from, apart, runs, n int) {
	loops, sums := j.e.loops(), buf[:runs*n]
	p.sums(sums, buf[len(sums):], m, from, apart, runs, n)
	if p.Scale != 0 && p.Scale != 1 {
		loops.scale(p.Scale, sums)
	}
	for i := range runs {
		first := from + i*apart
		c, sums := p.C[m*p.LDC+first:m*p.LDC+first+n], sums[i*n:(i+1)*n]
		if p.Bias != nil {
			loops.add(sums, sums, p.Bias[first:first+n])
		}
		switch {
		case p.Accumulate:
			loops.add(c, c, sums)
		case p.Act != NoAct:
			loops.act[p.Act](c, sums)
		default:
			copy(c, sums)
		}
	}
}

// sums computes the sums of row m of A with runs of n rows of B, as products says; room is for a row, or for a unit of each run.
func (p *rowsPart) sums(sums, room []float32, m, from, apart, runs, n int) {
	b := &p.B
	switch stride := b.Stride; {
	case p.kernel == nil:
		clear(sums)
	case runs == p.runs:
		ahead := aheadBytes
		if p.B.Eights {
			ahead = aheadEights
		}
		p.kernel(&sums[0], unsafe.Pointer(&b.Data[from*stride]), p.unit*stride, apart*stride, n/p.unit, p.inputs[m], p.count, ahead)
	default:
		for i := 0; i < len(sums); i += p.unit { // a unit alone stands in for as many as there are runs
			p.kernel(&room[0], unsafe.Pointer(&b.Data[(from+i/n*apart)*stride]), 0, 0, 1, p.inputs[m], p.count, 0)
			copy(sums[i:i+p.unit], room)
		}
	}
	if p.whole == p.K {
		return
	}
	x := unsafe.Slice((*float32)(p.inputs[m]), p.K)[p.whole:]
	weight := room[:len(x)]
	at := b.DType.RowBytes(p.whole)
	for i := range sums {
		Decode(b.DType, weight, b.Row(from + i/n*apart + i%n)[at:])
		sums[i] += dot(weight, x)
	}
}
