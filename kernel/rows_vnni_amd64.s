//go:build amd64 && !purego

// Products of stored rows with one row of int8 inputs, for AVX-512 with VNNI. The groups of inputs at (BX) are laid out as
// rowsJob.quantise says; the loop steps over whole groups, and the rows' blocks that the last one lacks are read from its first
// block instead, against inputs of 0.

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

// K4 shows the words of a group of blocks that are there. Z13 picks the scales out of them, and Z11 spreads a scale over its block's
// lanes. Shuffles are few: a block that does not come with the others is broadcast into its lanes.

// SCALES makes v the scales among a group's words in Z9, behind them for Q4_1 the minima, times the inputs' at IN(BX).
#define SCALES(h, v, IN) \
	VPERMW    Z9, Z13, Z8; \
	VCVTPH2PS h, v; \
	VMULPS    IN(BX), v, v

// acc += the products of two blocks of Q8_0 at p and p+R9: Z12 holds 128 in every byte, Z4 the inputs, Z14 their offsets.
#define GROUP_Q8_0(p, acc) \
	VBROADCASTI64X4 2(p), Z6; \
	VBROADCASTI64X4 2(p)(R9*1), K1, Z6; \
	VPXORD          Z12, Z6, Z6; \
	VMOVDQA64       Z14, Z7; \
	VPDPBUSD        Z4, Z6, Z7; \
	VCVTDQ2PS       Z7, Z7; \
	VMOVDQU16.Z     (p), K4, Z9; \
	SCALES(X8, X8, 128); \
	VPERMPS         Z8, Z11, Z8; \
	VFMADD231PS     Z8, Z7, acc; \
	PREFETCHT0     (p)(R8*1); \
	PREFETCHT0     64(p)(R8*1); \
	ADDQ            $68, p

// The nibbles of four blocks at p times the inputs in Z4 (first halves) and Z5 (second halves), as float32 in Z7. Z10 picks the
// quants of three blocks out of the group's words, which stay in Z9; the fourth's are at p+R11. Z12 holds 15 in every byte, Z14 the
// inputs' offsets.
#define NIBBLES(p) \
	VMOVDQU16.Z     (p), K4, Z9; \
	VPERMW          Z9, Z10, Z6; \
	VBROADCASTI32X4 (p)(R11*1), K3, Z6; \
	VPSRLW          $4, Z6, Z8; \
	VPANDD          Z12, Z6, Z6; \
	VPANDD          Z12, Z8, Z8; \
	VMOVDQA64       Z14, Z7; \
	VPDPBUSD        Z4, Z6, Z7; \
	VPDPBUSD        Z5, Z8, Z7; \
	VCVTDQ2PS       Z7, Z7

// acc += the products of four blocks of Q4_0
#define GROUP_Q4_0(p, acc, least) \
	NIBBLES(p); \
	SCALES(X8, X8, 192); \
	VPERMPS     Z8, Z11, Z8; \
	VFMADD231PS Z8, Z7, acc; \
	PREFETCHT0 (p)(R8*1); \
	PREFETCHT0 64(p)(R8*1); \
	ADDQ        $72, p

// acc += d·scale·Σq·q, and the upper half of least += m·scale·Σq, of four blocks of Q4_1
#define GROUP_Q4_1(p, acc, least) \
	NIBBLES(p); \
	SCALES(X8, Y8, 192); \
	VADDPS      Y8, least, least; \
	VPERMPS     Z8, Z11, Z8; \
	VFMADD231PS Z8, Z7, acc; \
	PREFETCHT0 (p)(R8*1); \
	PREFETCHT0 64(p)(R8*1); \
	ADDQ        $80, p

// WORDS makes K4 show the words of n blocks of SIZE bytes.
#define WORDS(n, SIZE) \
	IMUL3Q $(SIZE/2), n, AX; \
	MOVQ   $-1, DX; \
	BZHIQ  AX, DX, DX; \
	KMOVD  DX, K4

// FOURS is the loop over groups of four blocks of SIZE bytes, of which the last 16 are quants. A block that a last group lacks is
// read from the first one's place.
#define FOURS(GROUP, SIZE) \
	MOVL  $0xf000, AX; \
	KMOVW AX, K3; \
	FIRSTGROUP; \
group: \
	NEXTGROUP; \
	VXORPS X16, X16, X16; \
	VXORPS X17, X17, X17; \
	VXORPS X18, X18, X18; \
	VXORPS X19, X19, X19; \
	MOVQ   $(4*SIZE-16), R11; \
	KXNORD K4, K4, K4; \
loop: \
	SUBQ $4, CX; \
	JLT  part; \
body: \
	VMOVDQU32 (BX), Z4; \
	VMOVDQU32 64(BX), Z5; \
	VMOVDQU32 128(BX), Z14; \
	GROUP(SI, Z0, Y16); \
	GROUP(DI, Z1, Y17); \
	GROUP(R12, Z2, Y18); \
	GROUP(R13, Z3, Y19); \
	ADDQ $224, BX; \
	JMP  loop; \
part: \
	ADDQ $4, CX; \
	JLE  done; \
	WORDS(CX, SIZE); \
	MOVQ $(SIZE-16), R11; \
	XORL CX, CX; \
	JMP  body; \
done:

// func rowsQ80VNNI(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ80VNNI(SB), NOSPLIT, $0-64
	MOVL         $0x80, AX
	VPBROADCASTB AX, Z12
	VMOVDQU32    ·spreadTwo(SB), Z11
	VMOVDQU32    ·pickQ80(SB), Z13
	MOVL         $0xf0, AX
	KMOVB        AX, K1
	FIRSTGROUP

group:
	NEXTGROUP
	MOVQ   $34, R9
	KXNORD K4, K4, K4

loop:
	SUBQ $2, CX
	JLT  part

body:
	VMOVDQU32   (BX), Z4
	VMOVDQU32   64(BX), Z14
	GROUP_Q8_0(SI, Z0)
	GROUP_Q8_0(DI, Z1)
	GROUP_Q8_0(R12, Z2)
	GROUP_Q8_0(R13, Z3)
	ADDQ        $144, BX
	JMP         loop

part:
	ADDQ $2, CX
	JLE  done
	WORDS(CX, 34)
	XORL R9, R9
	XORL CX, CX
	JMP  body

done:
	ENDGROUP

// func rowsQ40VNNI(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ40VNNI(SB), NOSPLIT, $0-64
	MOVL         $15, AX
	VPBROADCASTB AX, Z12
	VMOVDQU32    ·spreadFour(SB), Z11
	VMOVDQU32    ·pickQ40(SB), Z13
	VMOVDQU32    ·quantsQ40(SB), Z10
	FOURS(GROUP_Q4_0, 18)
	ENDGROUP

// func rowsQ41VNNI(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·rowsQ41VNNI(SB), NOSPLIT, $0-64
	MOVL          $15, AX
	VPBROADCASTB  AX, Z12
	VMOVDQU32     ·spreadFour(SB), Z11
	VMOVDQU32     ·pickQ41(SB), Z13
	VMOVDQU32     ·quantsQ41(SB), Z10
	FOURS(GROUP_Q4_1, 20)
	VEXTRACTF32X4 $1, Y16, X4
	VADDPS        Z4, Z0, Z0
	VEXTRACTF32X4 $1, Y17, X4
	VADDPS        Z4, Z1, Z1
	VEXTRACTF32X4 $1, Y18, X4
	VADDPS        Z4, Z2, Z2
	VEXTRACTF32X4 $1, Y19, X4
	VADDPS        Z4, Z3, Z3
	ENDGROUP

// func quantiseVNNI(blocks *int8Block, x *float32, n int)
TEXT ·quantiseVNNI(SB), NOSPLIT, $0-24
	MOVQ         blocks+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVL         $0x7fffffff, AX
	VPBROADCASTD AX, Z8
	MOVL         $0x42fe0000, AX              // 127
	VMOVD        AX, X9
	MOVL         $0x3f800000, AX              // 1
	VMOVD        AX, X10
	MOVL         $1, AX
	VPBROADCASTB AX, Y11

loop:
	SUBQ          $1, CX
	JLT           done
	VMOVUPS       (SI), Z0
	VMOVUPS       64(SI), Z1
	VCMPPS        $3, Z1, Z0, K1              // a NaN in either
	VPANDD        Z8, Z0, Z2
	VPANDD        Z8, Z1, Z3
	VMAXPS        Z3, Z2, Z2
	VEXTRACTF64X4 $1, Z2, Y3
	VMAXPS        Y3, Y2, Y2
	VEXTRACTF128  $1, Y2, X3
	VMAXPS        X3, X2, X2
	VPERMILPS     $0x4e, X2, X3
	VMAXPS        X3, X2, X2
	VPERMILPS     $0xb1, X2, X3
	VMAXPS        X3, X2, X2
	VDIVSS        X9, X2, X2
	VDIVSS        X2, X10, X3
	VMOVD         X2, AX
	VMOVD         X3, DX
	TESTL         AX, AX
	CMOVLEQ       AX, DX                      // the inverse of 0 is 0
	KORTESTW      K1, K1
	JZ            number
	MOVL          $0x7fc00000, AX

number:
	MOVL         AX, 64(DI)
	VPBROADCASTD DX, Z4
	VMULPS       Z4, Z0, Z0
	VMULPS       Z4, Z1, Z1
	VCVTPS2DQ    Z0, Z0
	VCVTPS2DQ    Z1, Z1
	VPMOVSDB     Z0, X0
	VPMOVSDB     Z1, X1
	VINSERTI128  $1, X1, Y0, Y0
	VMOVDQU      Y0, (DI)
	VPXOR        Y2, Y2, Y2
	VPDPBUSD     Y0, Y11, Y2
	VMOVDQU      Y2, 32(DI)
	ADDQ         $128, SI
	ADDQ         $68, DI
	JMP          loop

done:
	VZEROUPPER
	RET
