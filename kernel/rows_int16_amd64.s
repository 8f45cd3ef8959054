//go:build amd64 && !purego

// Products of stored rows of quantised weights with one row of inputs rounded to int16, for AVX2: the loops are in rows_amd64.h.

#include "go_asm.h"
#include "textflag.h"
#include "rows_avx2_amd64.h"
#include "rows_amd64.h"

// BLOCK16 reads an int16Block.
#define BLOCK16 \
	VMOVDQU (BX), Y11; \
	VMOVDQU 32(BX), Y12; \
	VMOVUPS 64(BX), Y10

// acc += d·scale·Σ q·x of a block of Q8_0
#define STEP16_Q8_0(p, acc) \
	VPMOVSXBW    2(p), Y5; \
	VPMOVSXBW    18(p), Y6; \
	VPMADDWD     Y11, Y5, Y5; \
	VPMADDWD     Y12, Y6, Y6; \
	VPADDD       Y6, Y5, Y5; \
	VCVTDQ2PS    Y5, Y5; \
	VPBROADCASTW (p), X7; \
	VCVTPH2PS    X7, Y7; \
	VMULPS       Y10, Y5, Y5; \
	VFMADD231PS  Y7, Y5, acc

// PAIR16 reads the q of an int16Pair to Y10–Y13; its other parts are read where they are used.
#define PAIR16 \
	VMOVDQU (BX), Y10; \
	VMOVDQU 32(BX), Y11; \
	VMOVDQU 64(BX), Y12; \
	VMOVDQU 96(BX), Y13

#define EXTRA 128(BX)
#define SCALES 160(BX)

// Two rows are computed side by side, the one at p in Y4–Y6 and the one at q in Y7–Y9, so that the multipliers find something to do while
// a result is waited for. BOTH is an instruction for each.
#define BOTH(OP, a, b, c, d, e, f) OP a, b, c; OP d, e, f

// TWO reads the bytes of two blocks of weights to y, those of the second to its upper half. ONE does so for a block alone, which stands
// beside zeros; its first bytes stand in for those of the other.
#define TWO(p, at, size, x, y, t) \
	VBROADCASTI128 at(p), y; \
	VBROADCASTI128 (size+at)(p), t; \
	VPBLENDD       $0xf0, t, y, y

#define ONE(p, at, size, x, y, t) \
	VMOVDQU at(p), x

// DOT16 makes Y5 and Y8 the sums, in each lane, of eight products of the nibbles in Y4 and Y7 with the inputs, but for those in Y6 and Y9
// that are still to be added; Y14 is 15 in every word, Y15 is 255. Y4 and Y7 are free then.
#define DOT16 \
	BOTH(VPAND, Y14, Y4, Y5, Y14, Y7, Y8); \
	BOTH(VPAND, Y15, Y4, Y6, Y15, Y7, Y9); \
	BOTH(VPMADDWD, Y10, Y5, Y5, Y10, Y8, Y8); \
	BOTH(VPMADDWD, Y11, Y6, Y6, Y11, Y9, Y9); \
	BOTH(VPSRLW, $8, Y4, Y4, $8, Y7, Y7); \
	BOTH(VPADDD, Y6, Y5, Y5, Y9, Y8, Y8); \
	BOTH(VPAND, Y14, Y4, Y6, Y14, Y7, Y9); \
	BOTH(VPMADDWD, Y13, Y4, Y4, Y13, Y7, Y7); \
	BOTH(VPMADDWD, Y12, Y6, Y6, Y12, Y9, Y9); \
	BOTH(VPADDD, Y4, Y5, Y5, Y7, Y8, Y8)

// acc += d·scale·Σ (q−8)·x of blocks of Q4_0, for a row at p and one at q. What d is, is looked up in the table at R9: converting it would
// take the multipliers' time.
#define STEP16_Q4_0(READ, second, p, q, accp, accq) \
	MOVWLZX (p), AX; \
	MOVWLZX second(p), DX; \
	MOVWLZX (q), R10; \
	MOVWLZX second(q), R11; \
	READ(p, 2, 18, X4, Y4, Y5); \
	READ(q, 2, 18, X7, Y7, Y8); \
	DOT16; \
	VBROADCASTSS (R9)(AX*4), Y4; \
	VBROADCASTSS (R9)(R10*4), Y7; \
	BOTH(VPADDD, Y6, Y5, Y5, Y9, Y8, Y8); \
	VBROADCASTSS (R9)(DX*4), Y6; \
	VBROADCASTSS (R9)(R11*4), Y9; \
	BOTH(VPADDD, EXTRA, Y5, Y5, EXTRA, Y8, Y8); \
	VBLENDPS     $0xf0, Y6, Y4, Y4; \
	VBLENDPS     $0xf0, Y9, Y7, Y7; \
	VCVTDQ2PS    Y5, Y5; \
	VCVTDQ2PS    Y8, Y8; \
	BOTH(VMULPS, SCALES, Y4, Y4, SCALES, Y7, Y7); \
	BOTH(VFMADD231PS, Y4, Y5, accp, Y7, Y8, accq)

// acc += d·scale·Σ q·x + m·scale·Σ x of blocks of Q4_1; d and m stand in turns in the lanes of Y4 and Y7.
#define STEP16_Q4_1(READ, second, p, q, accp, accq) \
	READ(p, 4, 20, X4, Y4, Y5); \
	READ(q, 4, 20, X7, Y7, Y8); \
	DOT16; \
	VPBROADCASTD (p), X4; \
	VPBROADCASTD (q), X7; \
	BOTH(VPADDD, Y6, Y5, Y5, Y9, Y8, Y8); \
	VPBROADCASTD second(p), X6; \
	VPBROADCASTD second(q), X9; \
	VPBLENDD     $12, X6, X4, X4; \
	VPBLENDD     $12, X9, X7, X7; \
	VCVTDQ2PS    Y5, Y5; \
	VCVTDQ2PS    Y8, Y8; \
	VCVTPH2PS    X4, Y4; \
	VCVTPH2PS    X7, Y7; \
	BOTH(VMULPS, SCALES, Y5, Y5, SCALES, Y8, Y8); \
	BOTH(VFMADD231PS, EXTRA, Y4, accp, EXTRA, Y7, accq); \
	VMOVSLDUP    Y4, Y4; \
	VMOVSLDUP    Y7, Y7; \
	BOTH(VFMADD231PS, Y4, Y5, accp, Y7, Y8, accq)

// PAIRROWS is BLOCKROWS for blocks of SIZE bytes taken in pairs.
#define PAIRROWS(STEP, SIZE) \
	LEAQ         ·halves(SB), R9; \
	MOVL         $0x000f000f, AX; \
	VMOVD        AX, X14; \
	VPBROADCASTD X14, Y14; \
	MOVL         $0x00ff00ff, AX; \
	VMOVD        AX, X15; \
	VPBROADCASTD X15, Y15; \
	FIRSTGROUP; \
group: \
	NEXTGROUP; \
loop: \
	SUBQ $64, CX; \
	JLT  last; \
	PAIR16; \
	STEP(TWO, SIZE, SI, DI, V0, V1); \
	PREFETCHT0 (SI)(R8*1); \
	PREFETCHT0 (DI)(R8*1); \
	STEP(TWO, SIZE, R12, R13, V2, V3); \
	PREFETCHT0 (R12)(R8*1); \
	PREFETCHT0 (R13)(R8*1); \
	ADDQ $192, BX; \
	ADDQ $(2*SIZE), SI; \
	ADDQ $(2*SIZE), DI; \
	ADDQ $(2*SIZE), R12; \
	ADDQ $(2*SIZE), R13; \
	JMP  loop; \
last: \
	ADDQ $64, CX; \
	JLE  done; \
	PAIR16; \
	STEP(ONE, 0, SI, DI, V0, V1); \
	STEP(ONE, 0, R12, R13, V2, V3); \
done: \
	ENDGROUP

// Rounding. In every lane of Y15 to Y12 stand: all bits but the sign, the most that an input becomes (its bits: most), 1, infinity.
#define ROUNDING(most) \
	MOVQ         dst+0(FP), DI; \
	MOVQ         x+8(FP), SI; \
	MOVQ         n+16(FP), CX; \
	MOVL         $0x7fffffff, AX; \
	VMOVD        AX, X15; \
	VPBROADCASTD X15, Y15; \
	MOVL         $most, AX; \
	VMOVD        AX, X14; \
	VPBROADCASTD X14, Y14; \
	MOVL         $0x3f800000, AX; \
	VMOVD        AX, X13; \
	VPBROADCASTD X13, Y13; \
	MOVL         $0x7f800000, AX; \
	VMOVD        AX, X12; \
	VPBROADCASTD X12, Y12

// QUANTS makes v0–v3 the q of the 32 inputs at x and s their scale; Y10 and Y11 are free. The largest is found among the bits, where a
// NaN is larger than any number. LATTER may change the inverse of the scale, Y10, before the latter half is multiplied by it.
#define QUANTS(x, v0, v1, v2, v3, s, xs, LATTER) \
	VMOVUPS      x(SI), v0; \
	VMOVUPS      (x+32)(SI), v1; \
	VMOVUPS      (x+64)(SI), v2; \
	VMOVUPS      (x+96)(SI), v3; \
	VANDPS       Y15, v0, s; \
	VANDPS       Y15, v1, Y10; \
	VPMAXUD      Y10, s, s; \
	VANDPS       Y15, v2, Y10; \
	VANDPS       Y15, v3, Y11; \
	VPMAXUD      Y11, Y10, Y10; \
	VPMAXUD      Y10, s, s; \
	VEXTRACTI128 $1, s, X10; \
	VPMAXUD      X10, xs, xs; \
	VPSHUFD      $0x4e, xs, X10; \
	VPMAXUD      X10, xs, xs; \
	VPSHUFD      $0xb1, xs, X10; \
	VPMAXUD      X10, xs, xs; \
	VPBROADCASTD xs, s; \
	VDIVPS       Y14, s, s; \
	VDIVPS       s, Y13, Y10; \
	VCMPPS       $0, Y12, Y10, Y11; \
	VANDNPS      Y10, Y11, Y10; \
	VMULPS       Y10, v0, v0; \
	VMULPS       Y10, v1, v1; \
	LATTER; \
	VMULPS       Y10, v2, v2; \
	VMULPS       Y10, v3, v3; \
	VCVTPS2DQ    v0, v0; \
	VCVTPS2DQ    v1, v1; \
	VCVTPS2DQ    v2, v2; \
	VCVTPS2DQ    v3, v3

// INTURN makes q the words of the even or odd lanes (by) of a0 and a1, in its lower half, and of b0 and b1, and adds those of two
// words to the sums in Y10; Y11 is free.
#define INTURN(by, a0, a1, b0, b1, q, at) \
	VSHUFPS   $by, a1, a0, q; \
	VSHUFPS   $by, b1, b0, Y11; \
	VPACKSSDW Y11, q, q; \
	VPERMQ    $0xd8, q, q; \
	VPSHUFD   $0xd8, q, q; \
	VMOVDQU   q, at(DI)

#define SAME
#define SIXTEENTH VMULPS ·sixteenths(SB), Y10, Y10

// PAIRS is the loop of roundInt16Q40 and roundInt16Q41: EXTRAS makes Y10 the extra of the sums of inputs in Y10, with the scales in Y8.
#define PAIRS(EXTRAS) \
	ROUNDING(0x46f00000); \
pair: \
	QUANTS(0, Y0, Y1, Y2, Y3, Y8, X8, SIXTEENTH); \
	QUANTS(128, Y4, Y5, Y6, Y7, Y9, X9, SIXTEENTH); \
	VPBLENDD $0xf0, Y9, Y8, Y8; \
	VMOVUPS Y8, 160(DI); \
	VPSUBD   Y2, Y0, Y0; \
	VPSUBD   Y3, Y1, Y1; \
	VPSUBD   Y6, Y4, Y4; \
	VPSUBD   Y7, Y5, Y5; \
	INTURN(0x88, Y0, Y1, Y4, Y5, Y9, 0); \
	INTURN(0xdd, Y0, Y1, Y4, Y5, Y10, 64); \
	INTURN(0x88, Y2, Y3, Y6, Y7, Y0, 32); \
	INTURN(0xdd, Y2, Y3, Y6, Y7, Y1, 96); \
	VPCMPEQW Y11, Y11, Y11; \
	VPABSW   Y11, Y11; \
	VPMADDWD Y11, Y9, Y9; \
	VPMADDWD Y11, Y10, Y10; \
	VPSLLW   $4, Y11, Y2; \
	VPADDW   Y2, Y11, Y11; \
	VPMADDWD Y11, Y0, Y0; \
	VPMADDWD Y11, Y1, Y1; \
	VPADDD   Y9, Y10, Y10; \
	VPADDD   Y1, Y0, Y0; \
	VPADDD   Y0, Y10, Y10; \
	VPXOR    Y11, Y11, Y11; \
	EXTRAS; \
	VMOVDQU  Y10, 128(DI); \
	ADDQ     $256, SI; \
	ADDQ     $192, DI; \
	DECQ     CX; \
	JNZ      pair; \
	VZEROUPPER; \
	RET

#define EXTRA_Q4_0 \
	VPSLLD $3, Y10, Y10; \
	VPSUBD Y10, Y11, Y10

#define EXTRA_Q4_1 \
	VPSHUFD   $0xb1, Y10, Y0; \
	VPADDD    Y0, Y10, Y10; \
	VCVTDQ2PS Y10, Y10; \
	VMULPS    Y8, Y10, Y10; \
	VBLENDPS  $0x55, Y11, Y10, Y10

// func rowsQ80Int16(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ80Int16(SB), NOSPLIT, $0-64
	BLOCKROWS(BLOCK16, STEP16_Q8_0, 34)

// func rowsQ40Int16(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ40Int16(SB), NOSPLIT, $0-64
	PAIRROWS(STEP16_Q4_0, 18)

// func rowsQ41Int16(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ41Int16(SB), NOSPLIT, $0-64
	PAIRROWS(STEP16_Q4_1, 20)

// func roundInt16Q80(dst *int16Block, x *float32, n int)
TEXT ·roundInt16Q80(SB), NOSPLIT, $0-24
	ROUNDING(0x46fffe00)

block:
	QUANTS(0, Y0, Y1, Y2, Y3, Y8, X8, SAME)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPERMQ    $0xd8, Y0, Y0
	VPERMQ    $0xd8, Y2, Y2
	VMOVDQU   Y0, (DI)
	VMOVDQU   Y2, 32(DI)
	VMOVUPS   Y8, 64(DI)
	ADDQ      $128, SI
	ADDQ      $128, DI
	DECQ      CX
	JNZ       block
	VZEROUPPER
	RET

// func roundInt16Q40(dst *int16Pair, x *float32, n int)
TEXT ·roundInt16Q40(SB), NOSPLIT, $0-24
	PAIRS(EXTRA_Q4_0)

// func roundInt16Q41(dst *int16Pair, x *float32, n int)
TEXT ·roundInt16Q41(SB), NOSPLIT, $0-24
	PAIRS(EXTRA_Q4_1)
