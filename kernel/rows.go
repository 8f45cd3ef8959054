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

// rowKernel computes the products of four stored rows w with one row of inputs x: sums[i] = Σ_k w[i][k]·x[k]. k is a number of
// columns, whole steps of the kernel's; for an int8 kernel x is what quantiseRow makes and k a number of blocks.
type rowKernel func(sums *[4]float32, w *[4]unsafe.Pointer, x unsafe.Pointer, k int)

// rowsJob is one such product while it is computed.
type rowsJob struct {
	e      *Engine
	g      *Gemm
	kernel rowKernel // nil: the generic loop
	whole  int       // columns that the kernel computes; the others are left to a Go loop
	count  int       // what the kernel takes as its k
	chunk  int       // rows of B in a task, a multiple of 4
	inputs [rowsMax]unsafe.Pointer
	floats []float32 // inputs that had to be widened
	int8s  []byte    // inputs as int8 blocks
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

// taskBytes is about how many bytes of weights a task reads.
const taskBytes = 64 << 10

func (j *rowsJob) prepare(e *Engine, g *Gemm) {
	j.e, j.g = e, g
	j.chunk = max(4, taskBytes/max(1, g.B.DType.RowBytes(g.K))&^3)
	if j.kernel = e.int8Rows()[g.B.DType]; j.kernel != nil && g.Compute == Q8_0 {
		j.whole, j.count = g.K, g.K/32
		j.quantise()
		return
	}
	j.kernel = e.floatRows()[g.B.DType]
	j.whole = g.K &^ 15
	if j.kernel == nil {
		j.whole = 0
	}
	j.count = j.whole
	if g.A.DType == F32 && !g.A.Trans && g.K > 0 {
		for m := range g.M {
			j.inputs[m] = unsafe.Pointer(&g.A.Row(m)[0])
		}
		return
	}
	if need := g.M * g.K; cap(j.floats) < need {
		j.floats = make([]float32, need)
	}
	for m := range g.M {
		row := j.floats[m*g.K : (m+1)*g.K]
		operandRow(row, &g.A, m)
		j.inputs[m] = unsafe.Pointer(unsafe.SliceData(row))
	}
}

// task computes columns task·chunk … of every row of C.
func (j *rowsJob) task(task, worker int) {
	g := j.g
	from, to := task*j.chunk, min((task+1)*j.chunk, g.N)
	s := borrow()
	scale := g.Scale
	if scale == 0 {
		scale = 1
	}
	for n := from; n < to; n += 4 {
		rows := min(4, to-n)
		for i := range 4 { // a last row stands in for those that are not there
			s.rows[i] = unsafe.Pointer(unsafe.SliceData(g.B.Data[(n+min(i, rows-1))*g.B.Stride:]))
		}
		for m := range g.M {
			if j.kernel != nil {
				j.kernel(&s.sums, &s.rows, j.inputs[m], j.count)
			} else {
				s.sums = [4]float32{}
			}
			if j.whole < g.K {
				j.rest(s, n, rows, m)
			}
			c := g.C[m*g.LDC+n:][:rows]
			for i := range c {
				v := s.sums[i] * scale
				if g.Bias != nil {
					v += g.Bias[n+i]
				}
				if g.Accumulate {
					v += c[i]
				}
				c[i] = v
			}
		}
	}
	giveBack(s)
	if g.Act != NoAct && !g.Accumulate {
		for m := range g.M {
			c := g.C[m*g.LDC+from : m*g.LDC+to]
			j.e.Apply(g.Act, c, c)
		}
	}
}

// rest adds the products of the columns that the kernel left out, all of them where there is no kernel.
func (j *rowsJob) rest(s *scratch, n, rows, m int) {
	k := j.g.K - j.whole
	block := j.g.B.DType
	weight := s.take(k)
	x := unsafe.Slice((*float32)(j.inputs[m]), j.g.K)[j.whole:]
	for i := range rows {
		Decode(block, weight, j.g.B.Row(n + i)[block.RowBytes(j.whole):])
		s.sums[i] += dot(weight, x)
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
	groups := (blocks + per - 1) / per
	if need := g.M*groups*size + g.K*4; cap(j.int8s) < need {
		j.int8s = make([]byte, need)
	}
	clear(j.int8s[:g.M*groups*size])
	s := borrow()
	for m := range g.M {
		out := j.int8s[m*groups*size : (m+1)*groups*size]
		j.inputs[m] = unsafe.Pointer(unsafe.SliceData(out))
		x := s.take(g.K)
		operandRow(x, &g.A, m)
		for i := range blocks {
			var b int8Block
			b.round(x[32*i : 32*i+32])
			at, lane := out[i/per*size:(i/per+1)*size], i%per
			if g.B.DType == Q8_0 {
				b.placeQ8(at, lane)
			} else {
				b.placeQ4(at, lane, g.B.DType == Q4_0)
			}
		}
	}
	giveBack(s)
}

func (b *int8Block) placeQ8(group []byte, lane int) {
	copy(group[32*lane:], unsafe.Slice((*byte)(unsafe.Pointer(&b.q)), 32))
	offsets := unsafe.Slice((*int32)(unsafe.Pointer(&group[64])), 16)
	for i, s := range b.sums {
		offsets[8*lane+i] = -128 * s
	}
	*(*float32)(unsafe.Pointer(&group[128+4*lane])) = b.scale
}

func (b *int8Block) placeQ4(group []byte, lane int, offset bool) {
	q := unsafe.Slice((*byte)(unsafe.Pointer(&b.q)), 32)
	copy(group[16*lane:], q[:16])
	copy(group[64+16*lane:], q[16:])
	offsets := unsafe.Slice((*int32)(unsafe.Pointer(&group[128])), 16)
	var sum int32
	for i := range 4 {
		both := b.sums[i] + b.sums[i+4]
		sum += both
		if offset {
			offsets[4*lane+i] = -8 * both
		}
	}
	scales := unsafe.Slice((*float32)(unsafe.Pointer(&group[192])), 8)
	scales[lane], scales[4+lane] = b.scale, b.scale*float32(sum)
}

// round makes the block of 32 inputs: the largest becomes ±127.
func (b *int8Block) round(x []float32) {
	b.scale = absMax(x) / 127
	inv := inverse(b.scale)
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
