//go:build amd64 && !purego

package kernel

import "unsafe"

var avx2F32 = kit{
	unit: 1, rLanes: 1, vLanes: 1, pad: 1, step: 6, chunk: 384, block: 264, single: 516, least: 96,
	direct: F32, mul: mulF32AVX2,
	rRows: rowsToF32, vRows: rowsToF32, zip: zipF32, transpose: transposeAVX2,
	store: storeAVX2, stream: streamRowsAVX2,
}

// zipF32 copies k stored rows of f32 to lanes: whole panels by the assembly, what is narrower here.
func zipF32(dst *uint32, _ DType, src *byte, stride, k, cols int) {
	if cols == panel && k > 0 {
		zipRowsAVX2(dst, src, stride, k)
		return
	}
	to := unsafe.Slice(dst, k*panel)
	for i := range k {
		row := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(src), i*stride)), 4*cols)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&to[i*panel])), 4*cols), row)
		clear(to[i*panel+cols : (i+1)*panel])
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

func storeAVX2(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool) {
	if cols == panel {
		storeRowsAVX2(c, ldc, acc, rows, scale, bias, add)
		return
	}
	storeGeneric(c, ldc, acc, rows, cols, scale, bias, add)
}
