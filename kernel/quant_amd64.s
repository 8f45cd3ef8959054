//go:build amd64 && !purego

// Stored types to float32 and back, for AVX2 with F16C; n is a multiple of 8, or of 32 for the quantised types. What is decoded stands in
// blocks of 32 elements, step bytes from one to the next.

#include "textflag.h"

#define ARGS \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ n+16(FP), CX

#define STEPARGS \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ step+16(FP), DX; \
	MOVQ n+24(FP), CX

// HALVES is the loop over elements of 16 bits, of which WIDEN(mem, y) reads eight.
#define HALVES(WIDEN) \
	STEPARGS; \
block: \
	SUBQ    $32, CX; \
	JLT     rest; \
	WIDEN((SI), Y0); \
	WIDEN(16(SI), Y1); \
	WIDEN(32(SI), Y2); \
	WIDEN(48(SI), Y3); \
	VMOVUPS Y0, (DI); \
	VMOVUPS Y1, 32(DI); \
	VMOVUPS Y2, 64(DI); \
	VMOVUPS Y3, 96(DI); \
	ADDQ    DX, SI; \
	ADDQ    $128, DI; \
	JMP     block; \
rest: \
	ADDQ    $32, CX; \
eight: \
	SUBQ    $8, CX; \
	JLT     done; \
	WIDEN((SI), Y0); \
	VMOVUPS Y0, (DI); \
	ADDQ    $16, SI; \
	ADDQ    $32, DI; \
	JMP     eight; \
done: \
	VZEROUPPER; \
	RET

// ALL sets all lanes of y, whose lower half is x, to v.
#define ALL(v, x, y) \
	MOVL         $v, AX; \
	VMOVD        AX, x; \
	VPBROADCASTD x, y

// func decodeF16AVX2(dst *float32, src *byte, step, n int)
TEXT ·decodeF16AVX2(SB), NOSPLIT, $0-32
#define WIDENF16(mem, y) VCVTPH2PS mem, y
	HALVES(WIDENF16)

// func decodeBF16AVX2(dst *float32, src *byte, step, n int)
TEXT ·decodeBF16AVX2(SB), NOSPLIT, $0-32
#define WIDENBF16(mem, y) \
	VPMOVZXWD mem, y; \
	VPSLLD    $16, y, y
	HALVES(WIDENBF16)

// EIGHT writes d (Y8) times eight signed bytes.
#define EIGHT(from, to) \
	VPMOVSXBD from(SI), Y0; \
	VCVTDQ2PS Y0, Y0; \
	VMULPS    Y8, Y0, Y0; \
	VMOVUPS   Y0, to(DI)

// func decodeQ80AVX2(dst *float32, src *byte, step, n int)
TEXT ·decodeQ80AVX2(SB), NOSPLIT, $0-32
	STEPARGS

loop:
	SUBQ         $32, CX
	JLT          done
	VPBROADCASTW (SI), X8
	VCVTPH2PS    X8, Y8
	EIGHT(2, 0)
	EIGHT(10, 32)
	EIGHT(18, 64)
	EIGHT(26, 96)
	ADDQ         DX, SI
	ADDQ         $128, DI
	JMP          loop

done:
	VZEROUPPER
	RET

// NIBBLES takes eight bytes apart: low nibbles in Y0, high ones in Y1.
#define NIBBLES(from) \
	VPMOVZXBD from(SI), Y0; \
	VPSRLD    $4, Y0, Y1; \
	VPAND     Y15, Y0, Y0

// func decodeQ40AVX2(dst *float32, src *byte, step, n int)
TEXT ·decodeQ40AVX2(SB), NOSPLIT, $0-32
	STEPARGS
	ALL(15, X15, Y15)
	ALL(8, X14, Y14)

#define WEIGHTS40(from, lo, hi) \
	NIBBLES(from); \
	VPSUBD    Y14, Y0, Y0; \
	VPSUBD    Y14, Y1, Y1; \
	VCVTDQ2PS Y0, Y0; \
	VCVTDQ2PS Y1, Y1; \
	VMULPS    Y8, Y0, Y0; \
	VMULPS    Y8, Y1, Y1; \
	VMOVUPS   Y0, lo(DI); \
	VMOVUPS   Y1, hi(DI)

loop:
	SUBQ         $32, CX
	JLT          done
	VPBROADCASTW (SI), X8
	VCVTPH2PS    X8, Y8
	WEIGHTS40(2, 0, 64)
	WEIGHTS40(10, 32, 96)
	ADDQ         DX, SI
	ADDQ         $128, DI
	JMP          loop

done:
	VZEROUPPER
	RET

// func decodeQ41AVX2(dst *float32, src *byte, step, n int)
TEXT ·decodeQ41AVX2(SB), NOSPLIT, $0-32
	STEPARGS
	ALL(15, X15, Y15)

// d·q is exact: one rounding, as in the Go loop.
#define WEIGHTS41(from, lo, hi) \
	NIBBLES(from); \
	VCVTDQ2PS   Y0, Y0; \
	VCVTDQ2PS   Y1, Y1; \
	VFMADD213PS Y9, Y8, Y0; \
	VFMADD213PS Y9, Y8, Y1; \
	VMOVUPS     Y0, lo(DI); \
	VMOVUPS     Y1, hi(DI)

loop:
	SUBQ         $32, CX
	JLT          done
	VPBROADCASTW (SI), X8
	VCVTPH2PS    X8, Y8
	VPBROADCASTW 2(SI), X9
	VCVTPH2PS    X9, Y9
	WEIGHTS41(4, 0, 64)
	WEIGHTS41(12, 32, 96)
	ADDQ         DX, SI
	ADDQ         $128, DI
	JMP          loop

done:
	VZEROUPPER
	RET

// func encodeF16AVX2(dst *byte, src *float32, n int)
TEXT ·encodeF16AVX2(SB), NOSPLIT, $0-24
	ARGS

loop:
	SUBQ      $8, CX
	JLT       done
	VMOVUPS   (SI), Y0
	VCVTPS2PH $0, Y0, (DI)
	ADDQ      $32, SI
	ADDQ      $16, DI
	JMP       loop

done:
	VZEROUPPER
	RET

// func encodeBF16AVX2(dst *byte, src *float32, n int)
TEXT ·encodeBF16AVX2(SB), NOSPLIT, $0-24
	ARGS
	ALL(0x7fff, X15, Y15)
	ALL(1, X14, Y14)
	ALL(0x400000, X13, Y13)

loop:
	SUBQ         $8, CX
	JLT          done
	VMOVUPS      (SI), Y0
	VPSRLD       $16, Y0, Y1
	VPAND        Y14, Y1, Y1
	VPADDD       Y15, Y1, Y1
	VPADDD       Y0, Y1, Y1   // rounded
	VPOR         Y13, Y0, Y2  // quiet
	VCMPPS       $3, Y0, Y0, Y3
	VBLENDVPS    Y3, Y2, Y1, Y1
	VPSRLD       $16, Y1, Y1
	VEXTRACTI128 $1, Y1, X2
	VPACKUSDW    X2, X1, X1
	VMOVDQU      X1, (DI)
	ADDQ         $32, SI
	ADDQ         $16, DI
	JMP          loop

done:
	VZEROUPPER
	RET
