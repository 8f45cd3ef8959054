package kernel

import (
	"sync"
	"unsafe"
)

// product is a Gemm and how it is computed: R blocks times V blocks, a task each. A side that several tasks read is packed
// ahead of them; what only one task reads is packed by that task, in pieces that stay in its core's cache.
type product struct {
	*Gemm
	kit        *kit
	swapped    bool // R is B, V is A, and C is stored transposed
	r, v       *Operand
	rn, vn     int // rows of R and of V
	units      int // of k
	chunk      int // units in a chunk of k; the last may have fewer
	chunks     int
	rBlock     int // rows of R in a task
	vBlock     int // panels of V in a task
	rBlocks    int
	vBlocks    int
	direct     bool     // R is read as it lies
	rAhead     []uint32 // R packed ahead: rn rows of rStride lanes
	vAhead     []uint32 // V packed ahead: panels of padded units
	rStride    int      // lanes from one row of rAhead to the next
	vStride    int      // lanes from one panel of vAhead to the next
	rPacks     int      // tasks that pack R ahead
	vPacks     int      // tasks that pack V ahead
	firstPack  int      // numbers of the first of them,
	firstTask  int      // and of the first task, in the job
	streamed   bool     // C goes past the caches
	accByChunk bool     // sums are carried from chunk to chunk
}

// job is a call of Gemm. Jobs are kept and used again, with their scratch memory.
type job struct {
	engine   *Engine
	products []product
	few      []*Gemm // products of few rows, which go another way
	packs    int
	tasks    int
	ahead    lanes
	scratch  []workerScratch
	packFunc func(task, worker int)
	taskFunc func(task, worker int)
}

// workerScratch is what one worker packs into and sums in.
type workerScratch struct {
	r, v, tmp, acc lanes
	floats         []float32
	ahead          ahead
	_              [64]byte
}

// lanes is memory that grows when it must and starts at a cache line.
type lanes struct{ mem []uint32 }

func (l *lanes) take(n int) []uint32 {
	const line = 16
	if cap(l.mem) < n+line {
		l.mem = make([]uint32, n+n/8+line)
	}
	m := l.mem[:cap(l.mem)]
	if off := int(uintptr(unsafe.Pointer(&m[0])) / 4 % line); off > 0 {
		m = m[line-off:]
	}
	return m[:n]
}

var jobs struct {
	sync.Mutex
	idle []*job
}

func takeJob(e *Engine, workers int) *job {
	jobs.Lock()
	var j *job
	if n := len(jobs.idle); n > 0 {
		j, jobs.idle = jobs.idle[n-1], jobs.idle[:n-1]
	}
	jobs.Unlock()
	if j == nil {
		j = new(job)
		j.packFunc, j.taskFunc = j.pack, j.task
	}
	if len(j.scratch) < workers {
		j.scratch = append(j.scratch, make([]workerScratch, workers-len(j.scratch))...)
	}
	j.engine, j.products, j.few, j.packs, j.tasks = e, j.products[:0], j.few[:0], 0, 0
	return j
}

func (j *job) free() {
	clear(j.products) // hold on to no caller's memory
	clear(j.few)
	jobs.Lock()
	jobs.idle = append(jobs.idle, j)
	jobs.Unlock()
}

// Gemm computes products, as Gemm's comment says. The products of one call must not write what another reads.
func (e *Engine) Gemm(w Workers, gs ...*Gemm) {
	j := takeJob(e, w.Size())
	for _, g := range gs {
		g.check()
		switch kit := e.kit(g); {
		case g.M == 0 || g.N == 0:
		case g.M <= e.mostRows(g):
			j.few = append(j.few, g)
		case g.B.Eights:
			e.inOrder(w, g)
		case kit == nil || g.K == 0:
			gemmGeneric(w, g)
		default:
			j.add(g, kit, w.Size())
		}
	}
	if len(j.few) > 0 {
		e.rows(w, j.few...)
	}
	if j.tasks > 0 {
		j.run(w)
	}
	j.free()
}

// run packs ahead what several tasks need, and does the tasks.
func (j *job) run(w Workers) {
	j.reserve()
	if j.packs > 0 {
		w.Do(j.packs, j.packFunc)
	}
	w.Do(j.tasks, j.taskFunc)
}

const (
	smallWork   = 1 << 19 // multiplications that are not worth sharing out
	accMax      = 1 << 18 // sums that are carried from chunk to chunk by a task: 1 MB
	streamLeast = 1 << 22 // elements of C that are not worth keeping in the caches: 16 MB
	vTaskMax    = 8       // most panels that a task packs itself

	rowsAtOnce   = 32 // rows of R that are packed together
	panelsAtOnce = 4  // panels of V that are packed ahead by a task
)

// add plans a product. What is decided here from the number of workers shapes tasks only; an element of C is summed in the
// same order in whichever task it lies.
func (j *job) add(g *Gemm, kit *kit, workers int) {
	p := product{Gemm: g, kit: kit, r: &g.A, v: &g.B, rn: g.M, vn: g.N}
	if kit.swap && swapCost(kit, &g.B, g.N, &g.A, g.M, g.K, true) < swapCost(kit, &g.A, g.M, &g.B, g.N, g.K, false) {
		p.swapped = true
		p.r, p.v, p.rn, p.vn = p.v, p.r, p.vn, p.rn
	}
	p.units = (g.K + kit.unit - 1) / kit.unit
	p.chunk = roundUp(ceilDiv(p.units, ceilDiv(p.units, kit.chunk)), kit.whole())
	p.chunks = ceilDiv(p.units, p.chunk)
	p.direct = !p.r.Trans && p.r.DType == kit.direct && g.K%(kit.pad*kit.unit) == 0
	p.accByChunk = p.chunks > 1
	p.streamed = kit.stream != nil && !p.swapped && !g.Accumulate && g.Act == NoAct && g.M*g.N >= streamLeast &&
		g.LDC%16 == 0 && uintptr(unsafe.Pointer(&g.C[0]))%64 == 0
	panels := (p.vn + panel - 1) / panel

	if g.M*g.N*g.K <= smallWork {
		workers = 1
	}
	p.rBlock, p.vBlock = kit.block, panels
	if p.rn <= kit.single {
		p.rBlock = roundUp(p.rn, kit.step)
	}
	if blocks := ceilDiv(p.rn, p.rBlock); blocks > 1 {
		// As many blocks for each worker, but not so small that V is read too often.
		even := roundUp(ceilDiv(p.rn, roundUp(blocks, workers)), kit.step)
		p.rBlock = max(even, min(kit.least, p.rBlock))
	} else if workers > 1 {
		p.vBlock = min(max(1, panels/(workers*kit.tasks)), vTaskMax)
	}
	if p.accByChunk {
		p.vBlock = min(p.vBlock, max(1, accMax/(p.rBlock*panel)))
	}
	p.rBlocks, p.vBlocks = ceilDiv(p.rn, p.rBlock), ceilDiv(panels, p.vBlock)

	if !p.direct && p.vBlocks > 1 {
		p.rStride = kit.rowStride(p.units)
		p.rPacks = ceilDiv(p.rn, rowsAtOnce)
	}
	if p.rBlocks > 1 {
		p.vStride = kit.panelLanes(p.units) * panel
		p.vPacks = ceilDiv(panels, panelsAtOnce)
	}
	p.firstPack, p.firstTask = j.packs, j.tasks
	j.packs += p.rPacks + p.vPacks
	j.tasks += p.rBlocks * p.vBlocks
	j.products = append(j.products, p)
}

// swapCost estimates what a choice of sides costs, in cycles: multiplying 16×16×32 takes 16; 16 lanes are converted in 2, or
// transposed as well in 6; what goes to memory and back, as V does and R must where the sums of all of V do not fit the
// cache, takes 4 more. Sides are padded to 16.
func swapCost(kit *kit, r *Operand, rn int, v *Operand, vn, k int, swapped bool) int {
	cost := roundUp(rn, 16) * roundUp(vn, 16) / 16 * k / 32
	lines := func(n int) int { return n * k / (16 * kit.unit) }
	convert := func(transposed bool) int {
		if transposed {
			return 6
		}
		return 2
	}
	if r.Trans || r.DType != kit.direct {
		cost += convert(r.Trans) * lines(rn)
	}
	cost += (convert(!v.Trans) + 4) * lines(vn)
	if k > kit.chunk*kit.unit && vn*kit.block > accMax {
		cost += 4 * lines(rn)
	}
	if swapped {
		cost += 4 * rn * vn / 16
	}
	return cost
}

// reserve takes the memory for what is packed ahead.
func (j *job) reserve() {
	n := 0
	for i := range j.products {
		p := &j.products[i]
		n += roundUp(p.rn, rowsAtOnce)*p.rStride + ceilDiv(p.vn, panel)*p.vStride
	}
	if n == 0 {
		return
	}
	mem := j.ahead.take(n)
	for i := range j.products {
		p := &j.products[i]
		if p.rPacks > 0 {
			n := roundUp(p.rn, rowsAtOnce) * p.rStride
			p.rAhead, mem = mem[:n], mem[n:]
		}
		if p.vPacks > 0 {
			n := ceilDiv(p.vn, panel) * p.vStride
			p.vAhead, mem = mem[:n], mem[n:]
		}
	}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
func ceilDiv(n, by int) int { return (n + by - 1) / by }
