//go:build amd64 && !purego

// Products of stored rows with one row of inputs in float32, for AVX-512: the loops are in rows_amd64.h.

#include "go_asm.h"
#include "textflag.h"

#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define V6 Z6
#define V7 Z7
#define V8 Z8
#define V9 Z9
#define V10 Z10
#define V11 Z11
#define V12 Z12
#define V13 Z13
#define V14 Z14
#define V15 Z15

#define VBYTES 64
#define LANES 16

#define TRANSPOSEDSUMS \
	VUNPCKLPS     Z1, Z0, Z4; \
	VUNPCKHPS     Z1, Z0, Z5; \
	VADDPS        Z5, Z4, Z4; \
	VUNPCKLPS     Z3, Z2, Z6; \
	VUNPCKHPS     Z3, Z2, Z7; \
	VADDPS        Z7, Z6, Z6; \
	VUNPCKLPD     Z6, Z4, Z0; \
	VUNPCKHPD     Z6, Z4, Z1; \
	VADDPS        Z1, Z0, Z0; \
	VEXTRACTF64X4 $1, Z0, Y1; \
	VADDPS        Y1, Y0, Y0; \
	VEXTRACTF128  $1, Y0, X1; \
	VADDPS        X1, X0, X0

#include "rows_amd64.h"

// SCALE_F16 is the half at p in all lanes of v, widened; y is the lower half of v.
#define SCALE_F16(p, y, v) \
	VPBROADCASTW p, y; \
	VCVTPH2PS    y, v

// acc += d·Σ q·x of a block of Q8_0
#define STEP_Q8_0(p, acc) \
	SCALE_F16((p), Y8, Z8); \
	VPMOVSXBD   2(p), Z6; \
	VCVTDQ2PS   Z6, Z6; \
	VMULPS      (BX), Z6, Z6; \
	VPMOVSXBD   18(p), Z7; \
	VCVTDQ2PS   Z7, Z7; \
	VFMADD231PS 64(BX), Z7, Z6; \
	VFMADD231PS Z8, Z6, acc

// Z14 holds −8 … 7: the value of each nibble, looked up by the lowest four bits of an index.
#define STEP_Q4_0(p, acc) \
	SCALE_F16((p), Y8, Z8); \
	VPMOVZXBD   2(p), Z6; \
	VPSRLD      $4, Z6, Z7; \
	VPERMPS     Z14, Z6, Z6; \
	VPERMPS     Z14, Z7, Z7; \
	VMULPS      (BX), Z6, Z6; \
	VFMADD231PS 64(BX), Z7, Z6; \
	VFMADD231PS Z8, Z6, acc

// Z14 holds 0 … 15; a weight is d·q + m.
#define STEP_Q4_1(p, acc) \
	SCALE_F16((p), Y8, Z8); \
	SCALE_F16(2(p), Y9, Z9); \
	VPMOVZXBD   4(p), Z6; \
	VPSRLD      $4, Z6, Z7; \
	VPERMPS     Z14, Z6, Z6; \
	VPERMPS     Z14, Z7, Z7; \
	VFMADD213PS Z9, Z8, Z6; \
	VFMADD213PS Z9, Z8, Z7; \
	VFMADD231PS (BX), Z6, acc; \
	VFMADD231PS 64(BX), Z7, acc

// func rowsF32AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsF32AVX512(SB), NOSPLIT, $0-64
	ROWS(WIDEN_F32, 4)

// func rowsF16AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsF16AVX512(SB), NOSPLIT, $0-64
	ROWS(WIDEN_F16, 2)

// func rowsBF16AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsBF16AVX512(SB), NOSPLIT, $0-64
	ROWS(WIDEN_BF16, 2)

// func rowsQ80AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ80AVX512(SB), NOSPLIT, $0-64
	BLOCKROWS(NOLOAD, STEP_Q8_0, 34)

// func rowsQ40AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ40AVX512(SB), NOSPLIT, $0-64
	VMOVDQU32 ·nibbleValues(SB), Z14
	BLOCKROWS(NOLOAD, STEP_Q4_0, 18)

// func rowsQ41AVX512(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ41AVX512(SB), NOSPLIT, $0-64
	VMOVDQU32 ·nibbleValues+64(SB), Z14
	BLOCKROWS(NOLOAD, STEP_Q4_1, 20)

// func mixF32AVX512(out, p *float32, v unsafe.Pointer, stride, n, cols int)
TEXT ·mixF32AVX512(SB), NOSPLIT, $0-48
	MIX(WIDEN_F32, 4)

// func mixF16AVX512(out, p *float32, v unsafe.Pointer, stride, n, cols int)
TEXT ·mixF16AVX512(SB), NOSPLIT, $0-48
	MIX(WIDEN_F16, 2)

// func mixBF16AVX512(out, p *float32, v unsafe.Pointer, stride, n, cols int)
TEXT ·mixBF16AVX512(SB), NOSPLIT, $0-48
	MIX(WIDEN_BF16, 2)
