package kernel

import (
	"math"
	"sync"
	"unsafe"
)

// softmaxBlock is what softmaxRows reads: rows of scores as a micro-kernel leaves them, row i of panel n at acc + n·step + 128·i
// bytes. The assembly knows the fields by name.
type softmaxBlock struct {
	acc     unsafe.Pointer
	step    int // bytes from one panel to the next
	rows    int
	visible *int32         // how many columns of each row count
	weights unsafe.Pointer // rows of the results, stride bytes apart
	stride  int
	panels  int      // of 32 columns that are set in each row of the results
	top     *float32 // these two: whole vectors of 16 rows
	sum     *float32
	spare   *float32 // 16 floats a row, whole vectors of 16 rows
	scale   float32
}

// attentionJob is a call of Attention or of its backward. Jobs are kept and used again, with their scratch memory.
//
// A bundle is the queries that read the same keys and values: one b, or all b with the same Index. For each bundle and each head
// of keys, keys and values are packed once, and all queries of the bundle's heads are rows of the same products. If that makes
// too few tasks, rows are shared out in parts, each of which packs for itself.
type attentionJob struct {
	engine   *Engine
	kit      *kit
	a        *Attention
	grad     *AttentionGrad
	order    []int32 // the batch, bundle by bundle
	starts   []int32 // where each bundle begins in order, and the end
	span     int     // heads of keys in a task
	parts    int
	scratch  []attentionScratch
	forward  func(task, worker int)
	few      func(task, worker int)
	generic  func(task, worker int)
	backward func(task, worker int)
}

// attentionScratch is what one worker packs into and sums in.
type attentionScratch struct {
	k, v, kt, q, qt, o, ot, p, ds, zip, acc, acc2 lanes
	keys, values                                  []float32 // gathered from several segments
	scores                                        []float32 // of few queries
	queries, douts                                []float32 // gathered from a bundle's rows
	visible                                       []int32
	top, sum, spare                               []float32
	block                                         softmaxBlock
	slope                                         slopeBlock
	product                                       product
	gemm                                          Gemm
	kSide, vSide, kDown                           Operand
	kSides, vSides                                [spanMax]Operand
	pack                                          workerScratch
	_                                             [64]byte
}

var attentionJobs struct {
	sync.Mutex
	idle []*attentionJob
}

func takeAttentionJob(e *Engine, w Workers, a *Attention, compute DType) *attentionJob {
	attentionJobs.Lock()
	var j *attentionJob
	if n := len(attentionJobs.idle); n > 0 {
		j, attentionJobs.idle = attentionJobs.idle[n-1], attentionJobs.idle[:n-1]
	}
	attentionJobs.Unlock()
	if j == nil {
		j = new(attentionJob)
		j.forward, j.few, j.generic, j.backward = j.forwardTask, j.fewTask, j.genericTask, j.backwardTask
	}
	if n := w.Size() - len(j.scratch); n > 0 {
		j.scratch = append(j.scratch, make([]attentionScratch, n)...)
	}
	j.engine, j.kit, j.a = e, e.fused(compute), a
	return j
}

func (j *attentionJob) free() {
	j.a, j.grad = nil, nil // hold on to no caller's memory
	for i := range j.scratch {
		s := &j.scratch[i]
		s.kSide, s.vSide, s.kDown, s.gemm, s.product = Operand{}, Operand{}, Operand{}, Gemm{}, product{}
		s.kSides, s.vSides = [spanMax]Operand{}, [spanMax]Operand{}
	}
	attentionJobs.Lock()
	attentionJobs.idle = append(attentionJobs.idle, j)
	attentionJobs.Unlock()
}

// bundles sorts the batch into bundles.
func (j *attentionJob) bundles() {
	a := j.a
	j.order, j.starts = j.order[:0], j.starts[:0]
	indexed := false
	for i := range a.Segments {
		indexed = indexed || a.Segments[i].Index != nil
	}
	for b := range a.Batch {
		if indexed && a.firstLike(b) < b {
			continue
		}
		j.starts = append(j.starts, int32(len(j.order)))
		j.order = append(j.order, int32(b))
		for c := b + 1; indexed && c < a.Batch; c++ {
			if a.sameKeys(b, c) {
				j.order = append(j.order, int32(c))
			}
		}
	}
	j.starts = append(j.starts, int32(len(j.order)))
}

// firstLike is the first b that reads the same keys as b.
func (a *Attention) firstLike(b int) int {
	for c := range b {
		if a.sameKeys(b, c) {
			return c
		}
	}
	return b
}

func (a *Attention) sameKeys(b, c int) bool {
	for i := range a.Segments {
		if a.Segments[i].first(b) != a.Segments[i].first(c) {
			return false
		}
	}
	return true
}

func (j *attentionJob) bundle(i int) []int32 { return j.order[j.starts[i]:j.starts[i+1]] }

// spanMax is the most heads that a task computes side by side: they share pages and cache lines.
const spanMax = 4

// Rows of attention that are worth packing keys for, what a task should have at least if its work is shared out, and how many tasks there
// are then for a worker.
const (
	rowsFew   = 8
	partRows  = 64
	partsEach = 4
)

// Attention computes attention, as Attention's comment says. The values of keys that are hidden must be numbers.
func (e *Engine) Attention(w Workers, a *Attention) {
	a.check()
	if a.Batch == 0 || a.Tq == 0 {
		return
	}
	j := takeAttentionJob(e, w, a, a.Compute)
	j.bundles()
	bundles := len(j.starts) - 1
	rows := a.Batch / bundles * a.Heads / a.KVHeads * a.Tq
	switch {
	case a.Keys() == 0 || j.kit == nil && !j.fewKernels():
		w.Do(a.Batch*a.Heads, j.generic)
	case (rows <= rowsFew || j.kit == nil) && j.fewKernels():
		w.Do(bundles*a.KVHeads, j.few)
	default:
		j.span, j.parts = 1, 1
		if len(a.Segments) == 1 {
			j.span = spanFor(a.KVHeads, bundles, w)
		}
		tasks := bundles * ceilDiv(a.KVHeads, j.span)
		if want := partsEach * w.Size(); j.span == 1 && tasks < want {
			j.parts = max(1, min(ceilDiv(want, tasks), rows/partRows))
		}
		w.Do(tasks*j.parts, j.forward)
	}
	j.free()
}

// spanFor is how many heads of keys make a task: as many as leave two tasks for every worker.
func spanFor(heads, bundles int, w Workers) int {
	span := spanMax
	for span > 1 && bundles*(heads/span) < 2*w.Size() {
		span /= 2
	}
	return span
}

// attentionRow is a row of queries of a bundle: query i of head h of batch b.
type attentionRow struct{ b, h, i int }

// rowAt is the row with number n of those that read head kvHead of a bundle's keys.
func (j *attentionJob) rowAt(bundle []int32, kvHead, n int) attentionRow {
	a := j.a
	group := a.Heads / a.KVHeads
	return attentionRow{b: int(bundle[n/(group*a.Tq)]), h: kvHead*group + n/a.Tq%group, i: n % a.Tq}
}

// visible is how many keys query i may see by order alone: those before a causal limit.
func (a *Attention) visible(i, keys int) int {
	if !a.Causal {
		return keys
	}
	return min(keys, a.CausalFrom+max(i+a.CausalOffset+1, 0))
}

// scoresMax is how many scores a task keeps at a time, about: 256 KB.
const scoresMax = 1 << 16

// genericTask computes a head of one batch in the reference's way.
func (j *attentionJob) genericTask(task, _ int) {
	s := borrow()
	j.a.headGeneric(j.engine, s, task/j.a.Heads, task%j.a.Heads)
	giveBack(s)
}

func (j *attentionJob) forwardTask(task, worker int) {
	a, s := j.a, &j.scratch[worker]
	part := task % j.parts
	task /= j.parts
	spans := ceilDiv(a.KVHeads, j.span)
	first, bundle := task%spans*j.span, j.bundle(task/spans)
	heads := min(j.span, a.KVHeads-first)
	total := len(bundle) * a.Heads / a.KVHeads * a.Tq
	size := roundUp(ceilDiv(total, j.parts), panel)
	from, to := part*size, min((part+1)*size, total)
	if from >= to {
		return
	}
	keys := a.Keys()
	if to <= a.Tq { // the last of them sees most
		keys = a.visible(to-1, keys)
	}
	keys = max(keys, 1) // where nothing is seen, rows of zeros come out
	kPanel := j.packKeys(s, bundle, first, heads, keys)
	vPanel := j.packValues(s, heads, keys)
	k, v := s.k.take(heads*kPanel*ceilDiv(keys, panel)), s.v.take(heads*vPanel*ceilDiv(a.D, panel))
	block := j.rowBlock(keys)
	for n := from; n < to; n += block {
		for h := range heads {
			kHead, vHead := k[h*len(k)/heads:], v[h*len(v)/heads:]
			j.forwardBlock(s, bundle, first+h, n, min(n+block, to), keys, kHead, kPanel, vHead, vPanel)
		}
	}
}

// rowBlock is how many rows are computed at a time: so many scores as stay in a near cache, and whole blocks of tiles.
func (j *attentionJob) rowBlock(keys int) int {
	if j.kit.unit == 2 && j.engine.family == AMX {
		return panel
	}
	return max(panel, min(128, scoresMax/roundUp(keys, panel)&^(panel-1)))
}

// operands points kSide and vSide to the keys and values of a head: where they lie, or gathered where they lie apart.
func (j *attentionJob) operands(s *attentionScratch, b, kvHead int) {
	a := j.a
	if len(a.Segments) == 1 {
		seg := &a.Segments[0]
		s.kSide, s.vSide = seg.head(&seg.K, b, kvHead, a.D), seg.head(&seg.V, b, kvHead, a.D)
		return
	}
	n := a.Keys() * a.D
	if cap(s.keys) < n {
		s.keys, s.values = make([]float32, n), make([]float32, n)
	}
	k, v := s.keys[:n], s.values[:n]
	a.gather(k, v, b, kvHead)
	s.kSide = Operand{Mat: MatF32(k, a.Keys(), a.D, a.D)}
	s.vSide = Operand{Mat: MatF32(v, a.Keys(), a.D, a.D)}
}

// head is the rows of a segment that queries b read, columns of one head.
func (s *Segment) head(m *Mat, b, kvHead, d int) Operand {
	return Operand{Mat: Mat{DType: m.DType, Rows: s.Len, Cols: d, Stride: m.Stride, Data: m.Data[s.first(b)*m.Stride+m.DType.RowBytes(kvHead*d):]}}
}

// mul multiplies rows of R by a panel of V; see kit.mul. It asks for nothing ahead.
func (j *attentionJob) mul(s *attentionScratch, acc *uint32, r rowSide, v *uint32, units, rows, cols int) {
	j.kit.mul((*float32)(unsafe.Pointer(acc)), r, v, units, rows, cols, true, &s.pack.ahead)
}

// rowsAt is a rows side of rows of so many lanes each, one after another.
func rowsAt(p *uint32, lanes int) rowSide {
	return rowSide{unsafe.Pointer(p), 4 * lanes, 64, 4 * panel * lanes}
}

// forwardBlock computes rows from…to−1 of a bundle's.
func (j *attentionJob) forwardBlock(s *attentionScratch, bundle []int32, kvHead, from, to, keys int, k []uint32, kPanel int, v []uint32, vPanel int) {
	a, kit := j.a, j.kit
	rows := to - from
	s.rows(rows)
	most := 1
	for n, i := 0, from%a.Tq; n < rows; n++ {
		v := a.visible(i, keys)
		s.visible[n] = int32(v)
		most = max(most, v)
		if i++; i == a.Tq {
			i = 0
		}
	}
	units := ceilDiv(a.D, kit.unit)
	padded := roundUp(units, kit.pad)
	ld := roundUp(padded, 16) + 16
	q := s.q.take(roundUp(rows, panel) * ld)
	for n := 0; n < rows; {
		r := j.rowAt(bundle, kvHead, from+n)
		at := (r.b*a.Tq+r.i)*a.QStride + r.h*a.D
		for end := n + min(a.Tq-r.i, rows-n); n < end; n, at = n+1, at+a.QStride {
			kit.rRows(&q[n*ld], 64, F32, (*byte)(unsafe.Pointer(&a.Q[at])), a.D)
		}
	}

	panels := ceilDiv(most, panel)
	step := panelStep(rows)
	acc := s.acc.take(panels * step)
	s.pack.ahead.stop()
	mulPanels(kit, &acc[0], step, rowsAt(&q[0], ld), &k[0], kPanel, padded, rows, min(panels*panel, keys), &s.pack.ahead)

	// What is hidden is hidden from scores that are not scaled yet, where that can be: they are then rounded as if nothing were hidden.
	scale, before := a.Scale, float32(1)
	if a.Bias != nil || scale <= 0 {
		scale, before = 1, scale
	}
	if before != 1 || a.Bias != nil || a.Mask != nil || a.KeyMask != nil {
		j.mask(s, bundle, kvHead, from, rows, acc, step, before)
	}
	pLanes := panels*panel/kit.unit + 16
	p := s.p.take(roundUp(rows, panel) * pLanes)
	s.block = softmaxBlock{
		acc: unsafe.Pointer(&acc[0]), step: 4 * step, rows: rows, visible: &s.visible[0], weights: unsafe.Pointer(&p[0]), stride: 4 * pLanes,
		panels: panels, top: &s.top[0], sum: &s.sum[0], spare: &s.spare[0], scale: scale * math.Log2E,
	}
	j.engine.softmaxRows(kit, &s.block)
	j.keep(s, bundle, kvHead, from, rows, acc, step, scale)

	for n := range rows {
		s.sum[n] = inverse(s.sum[n])
	}
	sums := s.acc2.take(ceilDiv(a.D, panel) * step)
	seen := roundUp(ceilDiv(most, kit.unit), kit.pad)
	mulPanels(kit, &sums[0], step, rowsAt(&p[0], pLanes), &v[0], vPanel, seen, rows, a.D, &s.pack.ahead)
	for n := 0; n < rows; {
		r := j.rowAt(bundle, kvHead, from+n)
		run := min(a.Tq-r.i, rows-n)
		out := a.Out[(r.b*a.Tq+r.i)*a.OutStride+r.h*a.D:]
		for c := 0; c < a.D; c += panel {
			j.engine.storeScaled(&out[c], 4*a.OutStride, (*float32)(unsafe.Pointer(&sums[c/panel*step+n*panel])), run, min(panel, a.D-c), &s.sum[n])
		}
		n += run
	}
}

// panelStep is how many sums there are from one panel to the next: not a power of two, as a row's sums would crowd a few sets of
// the cache.
func panelStep(rows int) int { return roundUp(rows, panel)*panel + panel }

func (a *ahead) stop() {
	for i := range a {
		a[i].stop()
	}
}

// rows makes room for what is kept of each row.
func (s *attentionScratch) rows(n int) {
	if whole := roundUp(n, 16); cap(s.visible) < whole {
		s.visible, s.top, s.sum = make([]int32, whole), make([]float32, whole), make([]float32, whole)
		s.spare = make([]float32, 16*whole)
	}
	s.visible, s.top, s.sum = s.visible[:n], s.top[:n], s.sum[:n]
}

// mask makes the scores what softmax is taken of: times a scale, with the bias, −Inf where a key is hidden.
func (j *attentionJob) mask(s *attentionScratch, bundle []int32, kvHead, from, rows int, acc []uint32, step int, scale float32) {
	a, keys := j.a, j.a.Keys()
	for n := range rows {
		cols := int(s.visible[n])
		if cols == 0 {
			continue
		}
		r := j.rowAt(bundle, kvHead, from+n)
		var bias *float32
		var mask, keyMask *uint8
		if a.Bias != nil {
			bias = &a.BiasRow(a.Bias, r.h, r.i, keys)[0]
		}
		if a.KeyMask != nil {
			keyMask = &a.KeyMask[r.b*keys]
		}
		if a.Mask != nil {
			mask = &a.Mask[a.maskAt(r.b, r.i, keys)]
		}
		j.engine.maskScores((*float32)(unsafe.Pointer(&acc[n*panel])), 4*step, cols, scale, bias, mask, keyMask)
	}
}

func (a *Attention) maskAt(b, i, keys int) int {
	if a.MaskShared {
		b = 0
	}
	return (b*a.Tq + i) * keys
}

// keep writes LSE and Probs, where they are wanted.
func (j *attentionJob) keep(s *attentionScratch, bundle []int32, kvHead, from, rows int, acc []uint32, step int, scale float32) {
	a := j.a
	if a.LSE == nil && a.Probs == nil {
		return
	}
	keys, loops := a.Keys(), j.engine.loops()
	for n := range rows {
		lse := negInf
		if s.sum[n] != 0 {
			lse = s.top[n]*math.Ln2 + float32(math.Log(float64(s.sum[n])))
		}
		r := j.rowAt(bundle, kvHead, from+n)
		at := (r.b*a.Heads+r.h)*a.Tq + r.i
		if a.LSE != nil {
			a.LSE[at] = lse
		}
		if a.Probs == nil {
			continue
		}
		row := a.Probs[at*keys:][:keys]
		clear(row)
		if seen := row[:s.visible[n]]; lse != negInf {
			for c := 0; c < len(seen); c += panel {
				scores := unsafe.Slice((*float32)(unsafe.Pointer(&acc[c/panel*step+n*panel])), panel)
				copy(seen[c:], scores)
			}
			loops.scale(scale, seen)
			loops.expSum(seen, seen, lse)
		}
	}
}
