//go:build amd64 && !purego

package kernel

// mulF32AVX512 is mulGeneric for lanes of one f32.
//
//go:noescape
func mulF32AVX512(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)

// mulBF16AVX512 is mulGeneric for lanes of two bf16.
//
//go:noescape
func mulBF16AVX512(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)

// mulTiles is mulGeneric for lanes of two bf16, by AMX. shapes are the tile configurations for 1–32 rows.
//
//go:noescape
func mulTiles(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead, shapes *[33][64]byte)

//go:noescape
func transposeAVX512(dst *uint32, dstStride int, src *byte, srcStride, words int)

//go:noescape
func storeAVX512(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool)

//go:noescape
func streamAVX512(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32)

//go:noescape
func storeTAVX512(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool)

//go:noescape
func zip32F32AVX512(dst *uint32, src *byte, stride, k, cols int)

//go:noescape
func zip32PairsAVX512(dst *uint32, src *byte, stride, k, cols int)

//go:noescape
func zip32BF16AVX512(dst *uint32, src *byte, stride, k, cols int)

//go:noescape
func f32ToBF16(dst *uint32, step int, src *byte, n int)

//go:noescape
func f16ToBF16(dst *uint32, step int, src *byte, n int)

//go:noescape
func q8ToBF16(dst *uint32, step int, src *byte, n int)

//go:noescape
func q40ToBF16(dst *uint32, step int, src *byte, n int)

//go:noescape
func q41ToBF16(dst *uint32, step int, src *byte, n int)

//go:noescape
func bf16ToBF16(dst *uint32, step int, src *byte, n int)

// mulF32AVX2 is mulGeneric for lanes of one f32.
//
//go:noescape
func mulF32AVX2(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)

//go:noescape
func transpose8AVX2(dst *uint32, dstStride int, src *byte, srcStride, squares int)

//go:noescape
func transposePairsAVX2(dst *uint32, src *byte, srcStride, squares int)

//go:noescape
func transposeQ80AVX2(dst *uint32, src *byte, srcStride, blocks int)

//go:noescape
func zipRowsAVX2(dst *uint32, src *byte, stride, k int)

//go:noescape
func zipSomeAVX2(dst *uint32, src *byte, stride, k, cols int)

//go:noescape
func storeEightAVX2(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32, add bool)

//go:noescape
func streamRowsAVX2(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32)

//go:noescape
func storeRowsAVX2(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32, add bool)

// mulInt8AVX512 is mulGeneric for blocks of int8.
//
//go:noescape
func mulInt8AVX512(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)

//go:noescape
func f32ToInt8(dst *uint32, src *byte, blocks int)

//go:noescape
func q8ToInt8(dst *uint32, src *byte, blocks int)

//go:noescape
func q40ToInt8(dst *uint32, src *byte, blocks int)

//go:noescape
func q41ToInt8(dst *uint32, src *byte, blocks int)
