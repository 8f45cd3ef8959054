//go:build amd64 && !purego

// Products of stored rows with one row of inputs in float32, for AVX2: the loops are in rows_amd64.h.

#include "go_asm.h"
#include "textflag.h"

#include "rows_avx2_amd64.h"
#include "rows_amd64.h"

// SCALE_F16 is the half at p in all lanes of v, widened; x is the lower half of v.
#define SCALE_F16(p, x, v) \
	VPBROADCASTW p, x; \
	VCVTPH2PS    x, v

// Y6 += the product of eight signed bytes at w with inputs at x
#define EIGHT(w, x) \
	VPMOVSXBD   w, Y7; \
	VCVTDQ2PS   Y7, Y7; \
	VFMADD231PS x, Y7, Y6

// acc += d·Σ q·x of a block of Q8_0
#define STEP_Q8_0(p, acc) \
	VXORPS Y6, Y6, Y6; \
	EIGHT(2(p), (BX)); \
	EIGHT(10(p), 32(BX)); \
	EIGHT(18(p), 64(BX)); \
	EIGHT(26(p), 96(BX)); \
	SCALE_F16((p), X8, Y8); \
	VFMADD231PS Y8, Y6, acc

// Y14 is 15 and Y13 is 8 in all lanes. Y6 += the products of the eight bytes' nibbles at w, less 8.
#define NIBBLES(w, lo, hi) \
	VPMOVZXBD   w, Y7; \
	VPSRLD      $4, Y7, Y8; \
	VPAND       Y14, Y7, Y7; \
	VPSUBD      Y13, Y7, Y7; \
	VPSUBD      Y13, Y8, Y8; \
	VCVTDQ2PS   Y7, Y7; \
	VCVTDQ2PS   Y8, Y8; \
	VFMADD231PS lo, Y7, Y6; \
	VFMADD231PS hi, Y8, Y6

#define STEP_Q4_0(p, acc) \
	VXORPS Y6, Y6, Y6; \
	NIBBLES(2(p), (BX), 64(BX)); \
	NIBBLES(10(p), 32(BX), 96(BX)); \
	SCALE_F16((p), X8, Y8); \
	VFMADD231PS Y8, Y6, acc

// acc += the products of the eight bytes' weights d·q + m at w; d in Y9, m in Y10.
#define WEIGHTS(w, lo, hi, acc) \
	VPMOVZXBD   w, Y7; \
	VPSRLD      $4, Y7, Y8; \
	VPAND       Y14, Y7, Y7; \
	VCVTDQ2PS   Y7, Y7; \
	VCVTDQ2PS   Y8, Y8; \
	VFMADD213PS Y10, Y9, Y7; \
	VFMADD213PS Y10, Y9, Y8; \
	VFMADD231PS lo, Y7, acc; \
	VFMADD231PS hi, Y8, acc

#define STEP_Q4_1(p, acc) \
	SCALE_F16((p), X9, Y9); \
	SCALE_F16(2(p), X10, Y10); \
	WEIGHTS(4(p), (BX), 64(BX), acc); \
	WEIGHTS(12(p), 32(BX), 96(BX), acc)

// func rowsF32AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsF32AVX2(SB), NOSPLIT, $0-64
	ROWS(WIDEN_F32, 4)

// func rowsF16AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsF16AVX2(SB), NOSPLIT, $0-64
	ROWS(WIDEN_F16, 2)

// func rowsBF16AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsBF16AVX2(SB), NOSPLIT, $0-64
	ROWS(WIDEN_BF16, 2)

// func rowsQ80AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ80AVX2(SB), NOSPLIT, $0-64
	BLOCKROWS(NOLOAD, STEP_Q8_0, 34)

// func rowsQ40AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ40AVX2(SB), NOSPLIT, $0-64
	MOVL $15, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	MOVL $8, AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	BLOCKROWS(NOLOAD, STEP_Q4_0, 18)

// func rowsQ41AVX2(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ41AVX2(SB), NOSPLIT, $0-64
	MOVL $15, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	BLOCKROWS(NOLOAD, STEP_Q4_1, 20)

// func mixF32AVX2(out, p *float32, v unsafe.Pointer, stride, n, cols int)
TEXT ·mixF32AVX2(SB), NOSPLIT, $0-48
	MIX(WIDEN_F32, 4)

// func mixF16AVX2(out, p *float32, v unsafe.Pointer, stride, n, cols int)
TEXT ·mixF16AVX2(SB), NOSPLIT, $0-48
	MIX(WIDEN_F16, 2)

// func mixBF16AVX2(out, p *float32, v unsafe.Pointer, stride, n, cols int)
TEXT ·mixBF16AVX2(SB), NOSPLIT, $0-48
	MIX(WIDEN_BF16, 2)
