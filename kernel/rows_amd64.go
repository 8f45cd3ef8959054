//go:build amd64 && !purego

package kernel

import (
	"sync"
	"unsafe"
)

// floatRows are the row kernels of each stored type that compute in float32; nil for one that is left to the generic loop.
func (e *Engine) floatRows() [numDTypes]rowKernel {
	switch {
	case e.family >= AVX512:
		return [...]rowKernel{
			F32: rowsF32AVX512, F16: rowsF16AVX512, BF16: rowsBF16AVX512,
			Q8_0: rowsQ80AVX512, Q4_0: rowsQ40AVX512, Q4_1: rowsQ41AVX512,
		}
	case e.family == AVX2:
		return [...]rowKernel{
			F32: rowsF32AVX2, F16: rowsF16AVX2, BF16: rowsBF16AVX2, Q8_0: rowsQ80AVX2, Q4_0: rowsQ40AVX2, Q4_1: rowsQ41AVX2,
		}
	}
	return [numDTypes]rowKernel{}
}

// int8Rows are the row kernels that take inputs rounded to int8.
func (e *Engine) int8Rows() [numDTypes]rowKernel {
	if e.family >= AVX512BF16 {
		return [...]rowKernel{Q8_0: rowsQ80VNNI, Q4_0: rowsQ40VNNI, Q4_1: rowsQ41VNNI}
	}
	return [numDTypes]rowKernel{}
}

// int16Rows are the row kernels that take inputs rounded to int16.
func (e *Engine) int16Rows() [numDTypes]rowKernel {
	if e.family == AVX2 {
		widenHalves()
		return [...]rowKernel{Q8_0: rowsQ80Int16, Q4_0: rowsQ40Int16, Q4_1: rowsQ41Int16}
	}
	return [numDTypes]rowKernel{}
}

// eightRows are the row kernels of types that lie in eights; they read the inputs that int16Rows read.
func (e *Engine) eightRows() [numDTypes]rowKernel {
	if e.family == AVX2 {
		return [numDTypes]rowKernel{Q8_0: eightsQ80, Q4_0: eightsQ40}
	}
	return [numDTypes]rowKernel{}
}

// orderGroup puts a group of eight rows into order, stride bytes apart, where there are instructions for it.
func (e *Engine) orderGroup(d DType, dst []byte, stride int, group []byte) bool {
	if e.eightRows()[d] == nil || len(group) == 0 {
		return false
	}
	order := orderQ40
	if d == Q8_0 {
		order = orderQ80
	}
	order(&dst[0], stride, &group[0], len(group)/(eight*d.BlockBytes()))
	return true
}

// mixes are the kernels that add weighted rows.
func (e *Engine) mixes() [numDTypes]mixKernel {
	switch {
	case e.family >= AVX512:
		return [numDTypes]mixKernel{F32: mixF32AVX512, F16: mixF16AVX512, BF16: mixBF16AVX512}
	case e.family == AVX2:
		return [numDTypes]mixKernel{F32: mixF32AVX2, F16: mixF16AVX2, BF16: mixBF16AVX2}
	}
	return [numDTypes]mixKernel{}
}

//lint:file-ignore U1000 The assembly reads the tables.

// nibbleValues are the sixteen values of a nibble in Q4_0, then in Q4_1.
var nibbleValues = [32]float32{
	-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
}

// pickQ80, pickQ40 and pickQ41 are where the scales, and for Q4_1 then the minima, stand among the words of a group of blocks;
// quantsQ40 and quantsQ41, where the quants of its first three blocks do.
var (
	pickQ80   = [32]uint16{0, 17}
	pickQ40   = [32]uint16{0, 9, 18, 27}
	pickQ41   = [32]uint16{0, 10, 20, 30, 1, 11, 21, 31}
	quantsQ40 = [32]uint16{1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26}
	quantsQ41 = [32]uint16{2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26, 27, 28, 29}
)

// spreadTwo and spreadFour give each lane of 16 the scale of its block, of two and of four blocks.
var (
	spreadTwo  = [16]uint32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}
	spreadFour = [16]uint32{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}
)

// sixteenths is 1/16 in every lane.
var sixteenths = [8]float32{1. / 16, 1. / 16, 1. / 16, 1. / 16, 1. / 16, 1. / 16, 1. / 16, 1. / 16}

// halves are all f16 as float32, by their bits, once widenHalves was called.
var (
	halves      [1 << 16]float32
	widenHalves = sync.OnceFunc(func() {
		for bits := range halves {
			halves[bits] = halfToFloat(uint16(bits))
		}
	})
)

//go:noescape
func rowsF32AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsF16AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsBF16AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ80AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ40AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ41AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsF32AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsF16AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsBF16AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ80AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ40AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ41AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ80Int16(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ40Int16(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ41Int16(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func eightsQ80(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func eightsQ40(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

// orderQ40 and orderQ80: swapEights(d, src, dst, 0, 8, false), where rows of dst are stride bytes apart.
//
//go:noescape
func orderQ40(dst *byte, stride int, src *byte, blocks int)

//go:noescape
func orderQ80(dst *byte, stride int, src *byte, blocks int)

//go:noescape
func rowsQ80VNNI(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ40VNNI(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

//go:noescape
func rowsQ41VNNI(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)

// quantiseVNNI: for i := range n { blocks[i].round(x[32*i:]) }
//
//go:noescape
func quantiseVNNI(blocks *int8Block, x *float32, n int)

// roundBlocks rounds the inputs at x; only kernels for VNNI want it.
func roundBlocks(blocks []int8Block, x unsafe.Pointer) {
	quantiseVNNI(&blocks[0], (*float32)(x), len(blocks))
}

// roundInt16Q80: for i := range n { dst[i].round(x[32*i:]) }
//
//go:noescape
func roundInt16Q80(dst *int16Block, x *float32, n int)

// roundInt16Q40 and roundInt16Q41: for i := range n { dst[i].round(d, x[64*i:]) }
//
//go:noescape
func roundInt16Q40(dst *int16Pair, x *float32, n int)

//go:noescape
func roundInt16Q41(dst *int16Pair, x *float32, n int)

// roundInt16 rounds so many blocks of inputs for weights of a type.
func roundInt16(d DType, dst, x unsafe.Pointer, blocks int) {
	if d == Q8_0 {
		roundInt16Q80((*int16Block)(dst), (*float32)(x), blocks)
		return
	}
	round := roundInt16Q40
	if d == Q4_1 {
		round = roundInt16Q41
	}
	pairs := blocks / 2
	if pairs > 0 {
		round((*int16Pair)(dst), (*float32)(x), pairs)
	}
	if blocks%2 == 1 {
		var last [64]float32
		copy(last[:], unsafe.Slice((*float32)(unsafe.Add(x, 256*pairs)), 32))
		round(&unsafe.Slice((*int16Pair)(dst), pairs+1)[pairs], &last[0], 1)
	}
}

//go:noescape
func mixF32AVX512(out, p *float32, v unsafe.Pointer, stride, n, cols int)

//go:noescape
func mixF16AVX512(out, p *float32, v unsafe.Pointer, stride, n, cols int)

//go:noescape
func mixBF16AVX512(out, p *float32, v unsafe.Pointer, stride, n, cols int)

//go:noescape
func mixF32AVX2(out, p *float32, v unsafe.Pointer, stride, n, cols int)

//go:noescape
func mixF16AVX2(out, p *float32, v unsafe.Pointer, stride, n, cols int)

//go:noescape
func mixBF16AVX2(out, p *float32, v unsafe.Pointer, stride, n, cols int)
