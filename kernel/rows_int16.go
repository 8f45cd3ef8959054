package kernel

import (
	"math"
	"unsafe"
)

// Inputs rounded to int16, x ≈ scale·q with a scale for every 32, as the kernels of quantised weights for AVX2 read them: to 15 bits beside
// the largest of its block, where bf16 keeps 8 of its own; the latter half of a block for Q4_0 and Q4_1 to 11.

// int16Block is a block of inputs for Q8_0.
type int16Block struct {
	q      [32]int16
	scales [8]float32 // the scale, in every lane
	_      [8]uint32  // a block takes 128 bytes, as one of float32 does
}

// int16Pair is two blocks of inputs for Q4_0 and Q4_1; where there is an odd number of them the last is zeros. A kernel has the bytes of a
// block of weights in the first half of its lanes, those of the next in the second half, two bytes a word. A byte is lo + 16·hi, its nibbles
// belong to inputs q and 16·y, and
//
//	lo·q + hi·16·y = lo·(q − y) + byte·y
//
// so that a nibble less must be cut out.
type int16Pair struct {
	q      [4][16]int16 // q − y and y of a word's first byte, q − y and y of its second
	extra  [8]uint32    // of a lane's eight inputs: for Q4_0 −8·Σq, which undoes its offset; for Q4_1 scale·Σq of two lanes as float32 in the odd one
	scales [8]float32   // of the first block in four lanes, of the second in the others
}

// The largest input of a block becomes mostInt16, or mostPair in a pair, where q − y must be an int16, too.
const (
	mostInt16 = 32767
	mostPair  = 30720
)

// toInt16 makes the inputs of the int16 kernels.
func (in *rowsInputs) toInt16(g *rowsPart) {
	blocks := g.K / 32
	size := int(unsafe.Sizeof(int16Block{})) * blocks
	if g.B.DType != Q8_0 {
		size = int(unsafe.Sizeof(int16Pair{})) * ((blocks + 1) / 2)
	}
	out := in.int16s.take(g.M * size / 4)
	for m := range g.M {
		g.inputs[m] = unsafe.Pointer(&out[m*size/4])
		roundInt16(g.B.DType, g.inputs[m], in.row(g.Gemm, m), blocks)
	}
}

// int16Scale is the scale of a block and its inverse: the largest input becomes ±most, one that is no number makes the scale none, and
// a block of less than 1e-34 counts as zeros.
func int16Scale(x []float32, most float32) (scale, inverted float32) {
	scale = absMax(x) / most
	if inverted = inverse(scale); inverted > math.MaxFloat32 {
		inverted = 0
	}
	return scale, inverted
}

func (b *int16Block) round(x []float32) {
	scale, inv := int16Scale(x, mostInt16)
	for i := range b.q {
		b.q[i] = nearest(x[i] * inv)
	}
	fill(b.scales[:], scale)
}

func nearest(x float32) int16 { return int16(math.RoundToEven(float64(x))) }

// round makes a pair of 64 inputs.
func (p *int16Pair) round(d DType, x []float32) {
	for block := range 2 {
		x := x[32*block : 32*block+32]
		scale, inv := int16Scale(x, mostPair)
		fill(p.scales[4*block:4*block+4], scale)
		var sums [4]int32
		for i := range 16 {
			q, y := nearest(x[i]*inv), nearest(x[16+i]*(inv/16))
			row, at := i%2*2, 8*block+i/2
			p.q[row][at], p.q[row+1][at] = q-y, y
			sums[i/4] += int32(q) + 16*int32(y)
		}
		for lane, sum := range sums {
			extra := &p.extra[4*block+lane]
			*extra = uint32(-8 * sum)
			if d == Q4_1 {
				*extra = 0
				if lane%2 == 1 {
					*extra = math.Float32bits(scale * float32(sum+sums[lane-1]))
				}
			}
		}
	}
}

// roundInt16Generic rounds so many blocks of inputs for weights of a type: the reference of roundInt16.
func roundInt16Generic(d DType, dst, x unsafe.Pointer, blocks int) {
	values := unsafe.Slice((*float32)(x), 32*blocks)
	if d == Q8_0 {
		to := unsafe.Slice((*int16Block)(dst), blocks)
		for i := range to {
			to[i].round(values[32*i : 32*i+32])
		}
		return
	}
	to := unsafe.Slice((*int16Pair)(dst), (blocks+1)/2)
	for i := range to {
		var pair [64]float32
		copy(pair[:], values[64*i:])
		to[i].round(d, pair[:])
	}
}
