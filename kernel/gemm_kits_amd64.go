//go:build amd64 && !purego

package kernel

import "unsafe"

// kit chooses how a product is computed; nil is the generic loop. The families differ so:
//
//	              F32            BF16                          Q8_0 (a quantised weight, stored [out,in])
//	AMX           f32 AVX-512    tiles of bf16                 tiles of bf16, weights dequantised while they are packed
//	AVX512BF16    f32 AVX-512    VDPBF16PS, if identity.dotBF16    VPDPBUSD, blocks of 32
//	AVX512        f32 AVX-512    f32 AVX-512                   f32 AVX-512
//	AVX2          f32 AVX2       f32 AVX2                      f32 AVX2
//
// Tiles of int8 are left out: the scales of blocks of 32 ask for the sums of every 32 products in f32, and moving a tile of
// sums to vectors costs more than twice what the tile instruction gains over bf16.
func (e *Engine) kit(g *Gemm) *kit {
	if e.family < AVX2 || (g.A.Trans && g.A.DType.BlockLen() > 1) {
		return nil
	}
	if g.Compute != F32 {
		switch {
		case e.family == AMX:
			return &tilesBF16
		case e.family == AVX512BF16 && g.Compute == Q8_0 && g.A.DType == F32 && !g.A.Trans && g.B.DType.BlockLen() == 32 && !g.B.Trans:
			return &avx512Int8
		case e.family == AVX512BF16 && e.cpu.dotBF16:
			return &avx512BF16
		}
	}
	if e.family >= AVX512 {
		return &avx512F32
	}
	return &avx2F32
}

var avx512F32 = kit{
	unit: 1, rLanes: 1, vLanes: 1, pad: 1, step: 12, chunk: 384, block: 264, single: 516, least: 96, tasks: 4,
	direct: F32, mul: mulF32AVX512,
	rRows: rowsToF32, vRows: rowsToF32, zip: zipToF32, transpose: transposeAVX512,
	store: storeAVX512, storeT: storeTAVX512, stream: streamAVX512,
}

var avx512BF16 = kit{
	unit: 2, rLanes: 1, vLanes: 1, pad: 1, step: 12, chunk: 384, block: 264, single: 516, least: 96, tasks: 4,
	direct: BF16, mul: mulBF16AVX512,
	rRows: rowsToBF16, vRows: rowsToBF16, zip: zipToBF16, transpose: transposeAVX512,
	store: storeAVX512, storeT: storeTAVX512, stream: streamAVX512,
}

var tilesBF16 = kit{
	unit: 2, rLanes: 1, vLanes: 1, pad: 16, step: 32, chunk: 704, block: 256, single: 256, least: 96, tasks: 4, swap: true, tiled: true,
	direct: BF16, mul: mulTilesBF16,
	rRows: rowsToBF16, vRows: rowsToBF16, zip: zipToBF16, transpose: transposeAVX512,
	store: storeAVX512, storeT: storeTAVX512, stream: streamAVX512,
}

var avx512Int8 = kit{
	unit: 32, rLanes: 10, vLanes: 10, pad: 1, step: 6, chunk: 24, block: 264, single: 516, least: 96, tasks: 4,
	direct: none, mul: mulInt8AVX512,
	rRows: func(dst *uint32, _ int, _ DType, src *byte, n int) { f32ToInt8(dst, src, n/32) },
	vRows: blocksToInt8, transpose: transposeAVX512,
	store: storeAVX512, stream: streamAVX512,
}

func blocksToInt8(dst *uint32, _ int, d DType, src *byte, n int) {
	switch d {
	case Q8_0:
		q8ToInt8(dst, src, n/32)
	case Q4_0:
		q40ToInt8(dst, src, n/32)
	case Q4_1:
		q41ToInt8(dst, src, n/32)
	}
}

func rowsToF32(dst *uint32, _ int, d DType, src *byte, n int) {
	Decode(d, unsafe.Slice((*float32)(unsafe.Pointer(dst)), n), unsafe.Slice(src, d.RowBytes(n)))
}

func zipToF32(dst *uint32, _ DType, src *byte, stride, k, cols int) {
	zip32F32AVX512(dst, src, stride, k, cols)
}

func rowsToBF16(dst *uint32, step int, d DType, src *byte, n int) {
	switch d {
	case F32:
		f32ToBF16(dst, step, src, n)
	case F16:
		f16ToBF16(dst, step, src, n)
	case BF16:
		bf16ToBF16(dst, step, src, n)
	case Q8_0:
		q8ToBF16(dst, step, src, n)
	case Q4_0:
		q40ToBF16(dst, step, src, n)
	case Q4_1:
		q41ToBF16(dst, step, src, n)
	}
}

func zipToBF16(dst *uint32, d DType, src *byte, stride, k, cols int) {
	if d == BF16 {
		zip32BF16AVX512(dst, src, stride, k, cols)
		return
	}
	zip32PairsAVX512(dst, src, stride, k, cols)
}

// tileShapes are the configurations of AMX's tiles for 1–32 rows of R: sums and rows as many as there are, panels whole.
var tileShapes = func() *[33][64]byte {
	shapes := new([33][64]byte)
	for rows := 1; rows <= 32; rows++ {
		s := &shapes[rows]
		s[0] = 1 // palette
		top, low := min(rows, 16), max(rows-16, 1)
		for tile, n := range [8]int{top, top, low, low, top, low, 16, 16} {
			s[16+2*tile] = 64 // bytes a row
			s[48+tile] = byte(n)
		}
	}
	return shapes
}()

// tilesUnits is the most of k that is contracted at a time: a panel of V so long takes 32 KB, two thirds of the first-level
// cache, where it stays while the rows of R pass by.
const tilesUnits = 256

func mulTilesBF16(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead) {
	step := roundUp(ceilDiv(units, ceilDiv(units, tilesUnits)), 16)
	for from := 0; from < units; from += step {
		n := min(step, units-from)
		mulTiles(acc, r, v, n, rows, cols, first && from == 0, ahead, tileShapes)
		r.p = unsafe.Add(r.p, n/16*r.step)
		v = (*uint32)(unsafe.Add(unsafe.Pointer(v), 4*panel*n))
	}
}
