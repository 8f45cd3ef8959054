package kernel

import (
	"math"
	"sync"
	"unsafe"
)

// rowsMax is the most rows of A that a product computes directly from the stored weights, without packing.
const rowsMax = 4

// rows computes a product of few rows (M ≤ rowsMax, decoding) straight from the stored rows of B, which is not transposed:
// every weight is read once from memory, in order, and the workers share out the rows of B. A sum's order depends on nothing
// but K, so neither the number of workers nor M changes a byte.
func (e *Engine) rows(w Workers, g *Gemm) {
	if g.M == 0 || g.N == 0 {
		return
	}
	j := takeRowsJob()
	j.prepare(e, g)
	w.Do((g.N+j.chunk-1)/j.chunk, j.run)
	j.e, j.g = nil, nil
	giveRowsJob(j)
}

// rowKernel computes the products of four runs of stored rows with one row of inputs x. A run is rows rows, stride bytes from one
// to the next; the runs begin far bytes apart, so that each is a stream of its own: sums[i·rows+r] = Σ_k w[i·far+r·stride][k]·x[k].
// k is a number of columns, whole steps of the kernel's; for an int8 kernel x is what quantise makes and k a number of blocks.
// ahead is how many bytes ahead of where it reads it asks for what comes.
type rowKernel func(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

// aheadBytes is how far ahead weights that lie row behind row are asked for.
const aheadBytes = 768

// rowsJob is one such product while it is computed.
type rowsJob struct {
	e      *Engine
	g      *Gemm
	kernel rowKernel // nil: the generic loop
	whole  int       // columns that the kernel computes; the others are left to a Go loop
	count  int       // what the kernel takes as its k
	chunk  int       // rows of B in a task, a multiple of 4
	inputs [rowsMax]unsafe.Pointer
	floats []float32   // inputs that had to be widened
	blocks []int8Block // a row of inputs rounded to int8
	int8s  []byte      // all rows of them, as the kernel reads them
	run    func(task, worker int)
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

func giveRowsJob(j *rowsJob) {
	spareRows.Lock()
	spareRows.list = append(spareRows.list, j)
	spareRows.Unlock()
}

// A task reads about a sixteenth of the weights, within these bounds in bytes.
const minTask, maxTask = 32 << 10, 256 << 10

func (j *rowsJob) prepare(e *Engine, g *Gemm) {
	j.e, j.g = e, g
	row := max(1, g.B.DType.RowBytes(g.K))
	j.chunk = max(4, min(max(g.N*row/16, minTask), maxTask)/row&^3)
	if j.kernel = e.int8Rows()[g.B.DType]; j.kernel != nil && g.Compute == Q8_0 && g.K > 0 {
		j.whole, j.count = g.K, g.K/32
		j.quantise()
		return
	}
	j.kernel, j.whole = e.floatRows()[g.B.DType], g.K&^15
	if j.kernel == nil || j.whole == 0 {
		j.kernel, j.whole = nil, 0
	}
	j.count = j.whole
	if g.K > 0 {
		for m := range g.M {
			j.inputs[m] = j.row(m)
		}
	}
}

// task computes columns task·chunk … of every row of C.
func (j *rowsJob) task(task, worker int) {
	g, loops := j.g, j.e.loops()
	from, to := task*j.chunk, min((task+1)*j.chunk, g.N)
	s := borrow()
	buf := s.take(j.chunk + max(g.K, 4))
	sums := buf[:to-from]
	for m := range g.M {
		j.products(sums, buf[j.chunk:], from, m)
		if g.Scale != 0 && g.Scale != 1 {
			loops.scale(g.Scale, sums)
		}
		if g.Bias != nil {
			loops.add(sums, sums, g.Bias[from:to])
		}
		c := g.C[m*g.LDC+from : m*g.LDC+to]
		if g.Accumulate {
			loops.add(c, c, sums)
		} else {
			loops.act[g.Act](c, sums)
		}
	}
	giveBack(s)
}

// products computes the sums of row m of A with the rows of B from from on; room is for a row, or four values.
func (j *rowsJob) products(sums, room []float32, from, m int) {
	g, n := j.g, len(sums)
	if j.kernel == nil {
		clear(sums)
	} else {
		stride, run := g.B.Stride, n/4
		if run > 0 {
			j.kernel(&sums[0], unsafe.Pointer(&g.B.Data[from*stride]), stride, run*stride, run, j.inputs[m], j.count, aheadBytes)
		}
		for i := 4 * run; i < n; i++ { // a row alone stands in for four
			j.kernel(&room[0], unsafe.Pointer(&g.B.Data[(from+i)*stride]), 0, 0, 1, j.inputs[m], j.count, 0)
			sums[i] = room[0]
		}
	}
	if j.whole == g.K {
		return
	}
	x := unsafe.Slice((*float32)(j.inputs[m]), g.K)[j.whole:]
	weight := room[:len(x)]
	at := g.B.DType.RowBytes(j.whole)
	for i := range sums {
		Decode(g.B.DType, weight, g.B.Row(from + i)[at:])
		sums[i] += dot(weight, x)
	}
}

// int8Block is a block of 32 inputs rounded to int8: x ≈ scale·q.
type int8Block struct {
	q     [32]int8
	sums  [8]int32 // of four q at a time
	scale float32
}

// quantise makes the inputs of the int8 kernels. A group is what a kernel reads at a time; blocks past the end are zeros.
//
// For Q8_0 a group is 2 blocks, 144 bytes: their q; −128·(the sums of four q), which undoes the weights' offset of 128 that
// makes them unsigned; their scales; padding.
//
// For Q4_0 and Q4_1 a group is 4 blocks, 224 bytes: the first halves of their q; the second halves; −8·(the sums of four q of
// both halves) for Q4_0's offset, or 0; the 4 scales, then the 4 scale·Σq for Q4_1's minimum.
func (j *rowsJob) quantise() {
	g := j.g
	blocks, size, per := g.K/32, 224, 4
	if g.B.DType == Q8_0 {
		size, per = 144, 2
	}
	row := (blocks + per - 1) / per * size
	if cap(j.int8s) < g.M*row {
		j.int8s = make([]byte, g.M*row)
	}
	if cap(j.blocks) < blocks {
		j.blocks = make([]int8Block, blocks)
	}
	for m := range g.M {
		out := j.int8s[m*row : (m+1)*row]
		if blocks%per != 0 {
			clear(out[row-size:])
		}
		j.inputs[m] = unsafe.Pointer(unsafe.SliceData(out))
		roundBlocks(j.blocks[:blocks], j.row(m))
		for i := range blocks {
			at := out[i/per*size : (i/per+1)*size]
			switch g.B.DType {
			case Q8_0:
				j.blocks[i].placeQ8(at, i%per)
			case Q4_0:
				j.blocks[i].placeQ4(at, i%per, -8)
			case Q4_1:
				j.blocks[i].placeQ4(at, i%per, 0)
			}
		}
	}
}

// row is where row m of A lies as float32: where it was, or widened.
func (j *rowsJob) row(m int) unsafe.Pointer {
	g := j.g
	if g.A.DType == F32 && !g.A.Trans {
		return unsafe.Pointer(&g.A.Row(m)[0])
	}
	if need := g.M * g.K; cap(j.floats) < need {
		j.floats = make([]float32, need)
	}
	row := j.floats[m*g.K : (m+1)*g.K]
	operandRow(row, &g.A, m)
	return unsafe.Pointer(unsafe.SliceData(row))
}

func (b *int8Block) placeQ8(group []byte, lane int) {
	copy(group[32*lane:], unsafe.Slice((*byte)(unsafe.Pointer(&b.q)), 32))
	offsets := unsafe.Slice((*int32)(unsafe.Pointer(&group[64])), 16)
	for i, s := range b.sums {
		offsets[8*lane+i] = -128 * s
	}
	*(*float32)(unsafe.Pointer(&group[128+4*lane])) = b.scale
}

func (b *int8Block) placeQ4(group []byte, lane int, offset int32) {
	q := unsafe.Slice((*byte)(unsafe.Pointer(&b.q)), 32)
	copy(group[16*lane:], q[:16])
	copy(group[64+16*lane:], q[16:])
	offsets := unsafe.Slice((*int32)(unsafe.Pointer(&group[128])), 16)
	var sum int32
	for i := range 4 {
		both := b.sums[i] + b.sums[i+4]
		sum += both
		offsets[4*lane+i] = offset * both
	}
	scales := unsafe.Slice((*float32)(unsafe.Pointer(&group[192])), 8)
	scales[lane], scales[4+lane] = b.scale, b.scale*float32(sum)
}

// round makes the block of 32 inputs: the largest becomes ±127. An input that is no number makes the scale none.
func (b *int8Block) round(x []float32) {
	b.scale = absMax(x) / 127
	inv := inverse(b.scale)
	b.sums = [8]int32{}
	for i, v := range x {
		b.q[i] = int8(math.RoundToEven(float64(v * inv)))
		b.sums[i/4] += int32(b.q[i])
	}
}

// operandRow copies the values of one row of an operand, which are to be contracted, to dst.
func operandRow(dst []float32, o *Operand, row int) {
	if !o.Trans {
		Decode(o.DType, dst, o.Row(row))
		return
	}
	size := o.DType.BlockBytes()
	for k := range dst {
		Decode(o.DType, dst[k:k+1], o.Data[k*o.Stride+row*size:])
	}
}
