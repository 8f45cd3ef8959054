package kernel

import (
	"math"
	"unsafe"
)

// rowsInputs is memory for the inputs of a product of few rows, where they cannot be read as they lie.
type rowsInputs struct {
	floats []float32   // rows that had to be widened
	blocks []int8Block // a row rounded to int8
	int8s  []byte      // all rows of them, as the kernel reads them
	int16s lanes
}

// make enters what the product's kernel is to read.
func (in *rowsInputs) make(p *rowsPart) {
	switch p.round {
	case toInt8:
		in.quantise(p)
		return
	case toInt16:
		in.toInt16(p)
		return
	}
	for m := range p.M {
		p.inputs[m] = in.row(p.Gemm, m)
	}
}

// quantise makes the inputs of the int8 kernels. A group is what a kernel reads at a time; blocks past the end are zeros.
//
// For Q8_0 a group is 2 blocks, 144 bytes: their q; −128·(the sums of four q), which undoes the weights' offset of 128 that
// makes them unsigned; their scales; padding.
//
// For Q4_0 and Q4_1 a group is 4 blocks, 224 bytes: the first halves of their q; the second halves; −8·(the sums of four q of
// both halves) for Q4_0's offset, or 0; the 4 scales, then the 4 scale·Σq for Q4_1's minimum.
func (in *rowsInputs) quantise(g *rowsPart) {
	blocks, size, per := g.K/32, 224, 4
	if g.B.DType == Q8_0 {
		size, per = 144, 2
	}
	row := (blocks + per - 1) / per * size
	if cap(in.int8s) < g.M*row {
		in.int8s = make([]byte, g.M*row)
	}
	if cap(in.blocks) < blocks {
		in.blocks = make([]int8Block, blocks)
	}
	for m := range g.M {
		out := in.int8s[m*row : (m+1)*row]
		if blocks%per != 0 {
			clear(out[row-size:])
		}
		g.inputs[m] = unsafe.Pointer(unsafe.SliceData(out))
		roundBlocks(in.blocks[:blocks], in.row(g.Gemm, m))
		for i := range blocks {
			at := out[i/per*size : (i/per+1)*size]
			switch g.B.DType {
			case Q8_0:
				in.blocks[i].placeQ8(at, i%per)
			case Q4_0:
				in.blocks[i].placeQ4(at, i%per, -8)
			case Q4_1:
				in.blocks[i].placeQ4(at, i%per, 0)
			}
		}
	}
}

// row is where row m of A lies as float32: where it was, or widened.
func (in *rowsInputs) row(g *Gemm, m int) unsafe.Pointer {
	if g.A.DType == F32 && !g.A.Trans {
		return unsafe.Pointer(&g.A.Row(m)[0])
	}
	if need := g.M * g.K; cap(in.floats) < need {
		in.floats = make([]float32, need)
	}
	row := in.floats[m*g.K : (m+1)*g.K]
	operandRow(row, &g.A, m)
	return unsafe.Pointer(unsafe.SliceData(row))
}

// int8Block is a block of 32 inputs rounded to int8: x ≈ scale·q.
type int8Block struct {
	q     [32]int8
	sums  [8]int32 // of four q at a time
	scale float32
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
