//go:build amd64 && !purego

// Stored types to float32 and back, for AVX2 with F16C; n is a multiple of 8, or of 32 for the quantised types.

#include "textflag.h"

#define ARGS \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ n+16(FP), CX

// ALL sets all lanes of y, whose lower half is x, to v.
#define ALL(v, x, y) \
	MOVL         $v, AX; \
	VMOVD        AX, x; \
	VPBROADCASTD x, y

// func decodeF16AVX2(dst *float32, src *byte, n int)
TEXT ·decodeF16AVX2(SB), NOSPLIT, $0-24
	ARGS

loop:
	SUBQ      $8, CX
	JLT       done
	VCVTPH2PS (SI), Y0
	VMOVUPS   Y0, (DI)
	ADDQ      $16, SI
	ADDQ      $32, DI
	JMP       loop

done:
	VZEROUPPER
	RET

// func decodeBF16AVX2(dst *float32, src *byte, n int)
TEXT ·decodeBF16AVX2(SB), NOSPLIT, $0-24
	ARGS

loop:
	SUBQ      $8, CX
	JLT       done
	VPMOVZXWD (SI), Y0
	VPSLLD    $16, Y0, Y0
	VMOVUPS   Y0, (DI)
	ADDQ      $16, SI
	ADDQ      $32, DI
	JMP       loop

done:
	VZEROUPPER
	RET

// EIGHT writes d (Y8) times eight signed bytes.
#define EIGHT(from, to) \
	VPMOVSXBD from(SI), Y0; \
	VCVTDQ2PS Y0, Y0; \
	VMULPS    Y8, Y0, Y0; \
	VMOVUPS   Y0, to(DI)

// func decodeQ80AVX2(dst *float32, src *byte, n int)
TEXT ·decodeQ80AVX2(SB), NOSPLIT, $0-24
	ARGS

loop:
	SUBQ         $32, CX
	JLT          done
	VPBROADCASTW (SI), X8
	VCVTPH2PS    X8, Y8
	EIGHT(2, 0)
	EIGHT(10, 32)
	EIGHT(18, 64)
	EIGHT(26, 96)
	ADDQ         $34, SI
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

// func decodeQ40AVX2(dst *float32, src *byte, n int)
TEXT ·decodeQ40AVX2(SB), NOSPLIT, $0-24
	ARGS
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
	ADDQ         $18, SI
	ADDQ         $128, DI
	JMP          loop

done:
	VZEROUPPER
	RET

// func decodeQ41AVX2(dst *float32, src *byte, n int)
TEXT ·decodeQ41AVX2(SB), NOSPLIT, $0-24
	ARGS
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
	ADDQ         $20, SI
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
