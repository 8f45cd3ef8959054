package kernel

import (
	"math"
	"unsafe"
)

// Inputs rounded to int16, x ≈ scale·q with a scale for every 32, as the kernels of quantised weights for AVX2 read them. An input keeps
// 15 bits beside the largest of its block, where bf16 keeps 8 of its own.

// int16Block is a block of inputs for Q8_0.
type int16Block struct {
	q      [32]int16
	scales [8]float32 // the scale, in every lane
	_      [8]uint32  // a block takes 128 bytes, as one of float32 does
}

// int16Pair is two blocks of inputs for Q4_0 and Q4_1; where there is an odd number of them the last is zeros. A kernel has the bytes of a
// block of weights in the first half of its lanes, those of the next in the second half, and takes the four nibbles of two bytes in turns.
type int16Pair struct {
	q      [4][16]int16
	extra  [8]uint32  // of a lane's eight q: for Q4_0 −8·Σq, which undoes its offset; for Q4_1 scale·Σq of two lanes as float32 in the odd one
	scales [8]float32 // of the first block in four lanes, of the second in the others
}

// pairOrder is which input of a block stands first among the eight of each row of a pair's q; it steps by two.
var pairOrder = [4]int{0, 16, 1, 17}

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

// int16Scale is the scale of a block and its inverse: the largest input becomes ±32767, one that is no number makes the scale none, and
// a block of less than 1e-34 counts as zeros.
func int16Scale(x []float32) (scale, inverted float32) {
	scale = absMax(x) / 32767
	if inverted = inverse(scale); inverted > math.MaxFloat32 {
		inverted = 0
	}
	return scale, inverted
}

func (b *int16Block) round(x []float32) {
	scale, inv := int16Scale(x)
	for i := range b.q {
		b.q[i] = int16(math.RoundToEven(float64(x[i] * inv)))
	}
	fill(b.scales[:], scale)
}

// round makes a pair of 64 inputs.
func (p *int16Pair) round(d DType, x []float32) {
	for block := range 2 {
		x := x[32*block : 32*block+32]
		scale, inv := int16Scale(x)
		fill(p.scales[4*block:4*block+4], scale)
		var sums [4]int32
		for row, first := range pairOrder {
			for i := range 8 {
				q := int16(math.RoundToEven(float64(x[first+2*i] * inv)))
				p.q[row][8*block+i] = q
				sums[i/2] += int32(q)
			}
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
