//go:build amd64 && !purego

package kernel

import "unsafe"

var avx2F32 = kit{
	unit: 1, rLanes: 1, vLanes: 1, pad: 1, step: 6, chunk: 384, block: 264, single: 516, least: 96, tasks: 8,
	direct: F32, mul: mulF32AVX2,
	rRows: rowsToF32, vRows: rowsToF32, zip: zipF32, transpose: transposeAVX2, turn: turnAVX2,
	store: storeAVX2, stream: streamRowsAVX2,
}

// zipF32 copies k stored rows of f32 to lanes.
func zipF32(dst *uint32, _ DType, src *byte, stride, k, cols int) {
	switch {
	case k <= 0:
	case cols == panel:
		zipRowsAVX2(dst, src, stride, k)
	default:
		zipSomeAVX2(dst, src, stride, k, cols)
	}
}

// transposeAVX2 transposes whole squares of 8, and the lanes behind them one by one.
func transposeAVX2(dst *uint32, dstStride int, src *byte, srcStride, words int) {
	lanes := words / 2
	squares := lanes / 8
	for half := 0; half < 16; half += 8 {
		to := (*uint32)(unsafe.Add(unsafe.Pointer(dst), 4*half))
		from := (*byte)(unsafe.Add(unsafe.Pointer(src), half*srcStride))
		if squares > 0 {
			transpose8AVX2(to, dstStride, from, srcStride, squares)
		}
		for lane := 8 * squares; lane < roundUp(lanes, 16); lane++ {
			out := unsafe.Slice((*uint32)(unsafe.Add(unsafe.Pointer(to), lane*dstStride)), 8)
			for row := range out {
				out[row] = 0
				if lane < lanes {
					out[row] = *(*uint32)(unsafe.Add(unsafe.Pointer(from), row*srcStride+4*lane))
				}
			}
		}
	}
}

// turnAVX2 turns whole squares of pairs of bf16, and blocks of Q8_0.
func turnAVX2(dst *uint32, d DType, src *byte, srcStride, k int) bool {
	turn, unit := transposePairsAVX2, 16
	switch d {
	case BF16:
	case Q8_0:
		turn, unit = transposeQ80AVX2, 32
	default:
		return false
	}
	if k == 0 || k%unit != 0 {
		return false
	}
	turn(dst, src, srcStride, k/unit)
	turn((*uint32)(unsafe.Add(unsafe.Pointer(dst), 32)), (*byte)(unsafe.Add(unsafe.Pointer(src), 8*srcStride)), srcStride, k/unit)
	return true
}

func storeAVX2(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool) {
	if cols == panel {
		storeRowsAVX2(c, ldc, acc, rows, scale, bias, add)
		return
	}
	at := 0
	behind := func(p *float32) *float32 {
		if p == nil {
			return nil
		}
		return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*at))
	}
	for ; at+8 <= cols; at += 8 {
		storeEightAVX2(behind(c), ldc, behind(acc), rows, scale, behind(bias), add)
	}
	if at < cols {
		storeGeneric(behind(c), ldc, behind(acc), rows, cols-at, scale, behind(bias), add)
	}
}
