//go:build amd64 && !purego

#include "textflag.h"

// Products of int8 by VPDPBUSD. A unit is a block of 32 along k, 10 lanes on either side:
//
//	R: 8 lanes of four int8 a, the scale s, and s·Σa        V: 8 lanes of four uint8 u, the scale d, and the offset m
//
// where x ≈ s·a and w = d·u + m, so that Σ x·w = s·d·Σ a·u + m·(s·Σa). The micro-kernel keeps 6 rows × 32 columns: sums of a
// block in Z0–Z11, sums of all in Z12–Z23, row i in the (2i)th and the next of each. Rows 0–2 of R are at R12, 3–5 at R13.

#define THREE(off, p, x, y, z) VPBROADCASTD (off)(p), x; VPBROADCASTD (off)(p)(R8*1), y; VPBROADCASTD (off)(p)(R8*2), z
#define TWO(b, s0, s1) VPDPBUSD b, Z24, s0; VPDPBUSD b, Z25, s1
#define LOADV(k) VMOVUPS (128*k)(AX), Z24; VMOVUPS (128*k+64)(AX), Z25

#define QUAD6(k) \
	LOADV(k); \
	THREE(4*k, R12, Z26, Z27, Z28); \
	THREE(4*k, R13, Z29, Z30, Z31); \
	TWO(Z26, Z0, Z1); TWO(Z27, Z2, Z3); TWO(Z28, Z4, Z5); \
	TWO(Z29, Z6, Z7); TWO(Z30, Z8, Z9); TWO(Z31, Z10, Z11)

#define QUAD3(k) \
	LOADV(k); \
	THREE(4*k, R12, Z26, Z27, Z28); \
	TWO(Z26, Z0, Z1); TWO(Z27, Z2, Z3); TWO(Z28, Z4, Z5)

#define QUAD1(k) \
	LOADV(k); \
	VPBROADCASTD (4*k)(R12), Z26; \
	TWO(Z26, Z0, Z1)

// SCALED adds a block's sums of one row: scale and s·Σa are at m.
#define SCALED(m0, m1, i0, i1, f0, f1) \
	VBROADCASTSS m0, Z26; \
	VBROADCASTSS m1, Z27; \
	VCVTDQ2PS i0, i0; \
	VCVTDQ2PS i1, i1; \
	VMULPS Z26, Z24, Z28; \
	VMULPS Z26, Z25, Z29; \
	VFMADD231PS i0, Z28, f0; \
	VFMADD231PS i1, Z29, f1; \
	VFMADD231PS Z27, Z30, f0; \
	VFMADD231PS Z27, Z31, f1

#define ZERO3(a, b, c, d, e, f) \
	VPXORD a, a, a; VPXORD b, b, b; VPXORD c, c, c; VPXORD d, d, d; VPXORD e, e, e; VPXORD f, f, f

#define QUADS(QUAD) QUAD(0); QUAD(1); QUAD(2); QUAD(3); QUAD(4); QUAD(5); QUAD(6); QUAD(7)
#define SCALES VMOVUPS 1024(AX), Z24; VMOVUPS 1088(AX), Z25; VMOVUPS 1152(AX), Z30; VMOVUPS 1216(AX), Z31

#define SCALED1 SCALED(32(R12), 36(R12), Z0, Z1, Z12, Z13)
#define SCALED3 \
	SCALED1; \
	SCALED(32(R12)(R8*1), 36(R12)(R8*1), Z2, Z3, Z14, Z15); \
	SCALED(32(R12)(R8*2), 36(R12)(R8*2), Z4, Z5, Z16, Z17)
#define SCALED6 \
	SCALED3; \
	SCALED(32(R13), 36(R13), Z6, Z7, Z18, Z19); \
	SCALED(32(R13)(R8*1), 36(R13)(R8*1), Z8, Z9, Z20, Z21); \
	SCALED(32(R13)(R8*2), 36(R13)(R8*2), Z10, Z11, Z22, Z23)

#define LOADACC(off, z) VMOVUPS off(DI), z
#define SAVEACC(off, z) VMOVUPS z, off(DI)
#define ZEROACC(off, z) VPXORD z, z, z
#define ROWS1(OP) OP(0, Z12); OP(64, Z13)
#define ROWS3(OP) ROWS1(OP); OP(128, Z14); OP(192, Z15); OP(256, Z16); OP(320, Z17)
#define ROWS6(OP) ROWS3(OP); OP(384, Z18); OP(448, Z19); OP(512, Z20); OP(576, Z21); OP(640, Z22); OP(704, Z23)

#define GROUP(ROWS, QUAD, SCALED, zero, unit) \
	MOVQ DX, AX; \
	MOVQ CX, BX; \
	MOVQ SI, R12; \
	LEAQ (SI)(R8*2), R13; \
	ADDQ R8, R13; \
	CMPB first+72(FP), $0; \
	JNE  zero; \
	ROWS(LOADACC); \
	JMP  unit; \
zero: \
	ROWS(ZEROACC); \
unit: \
	ZERO3(Z0, Z1, Z2, Z3, Z4, Z5); \
	ZERO3(Z6, Z7, Z8, Z9, Z10, Z11); \
	QUADS(QUAD); \
	SCALES; \
	SCALED; \
	ADDQ $1280, AX; \
	ADDQ $40, R12; \
	ADDQ $40, R13; \
	DECQ BX; \
	JNZ  unit; \
	ROWS(SAVEACC)

// func mulInt8AVX512(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)
TEXT ·mulInt8AVX512(SB), NOSPLIT, $0-88
	MOVQ acc+0(FP), DI
	MOVQ r_p+8(FP), SI
	MOVQ r_row+16(FP), R8
	MOVQ v+40(FP), DX
	MOVQ units+48(FP), CX
	MOVQ rows+56(FP), R9
	LEAQ (R8)(R8*2), R10

six:
	SUBQ $6, R9
	JLT  three
	GROUP(ROWS6, QUAD6, SCALED6, zero6, unit6)
	ADDQ $(6*128), DI
	LEAQ (SI)(R10*2), SI
	JMP  six

three:
	ADDQ $3, R9
	JLT  one
	GROUP(ROWS3, QUAD3, SCALED3, zero3, unit3)
	ADDQ $(3*128), DI
	ADDQ R10, SI
	SUBQ $3, R9

one:
	ADDQ $2, R9
	JLT  end
	GROUP(ROWS1, QUAD1, SCALED1, zero1, unit1)
	ADDQ $128, DI
	ADDQ R8, SI
	SUBQ $3, R9
	JMP  one

end:
	VZEROUPPER
	RET

DATA blockConsts<>+0(SB)/4, $0x7FFFFFFF // all but the sign
DATA blockConsts<>+4(SB)/4, $0x0DA24260 // 1e-30: blocks of less count as zero
DATA blockConsts<>+8(SB)/4, $0x42FE0000 // 127
DATA blockConsts<>+12(SB)/4, $0x3C010204 // 1/127
DATA blockConsts<>+16(SB)/4, $0x80808080
DATA blockConsts<>+20(SB)/4, $0xC3000000 // −128
DATA blockConsts<>+24(SB)/4, $0x0F0F0F0F
DATA blockConsts<>+28(SB)/4, $0xC1000000 // −8
GLOBL blockConsts<>(SB), RODATA|NOPTR, $32

// FOLD reduces Z3 to its first lane by OP.
#define FOLD(OP) \
	VEXTRACTI64X4 $1, Z3, Y4; \
	OP Y4, Y3, Y3; \
	VEXTRACTI128 $1, Y3, X4; \
	OP X4, X3, X3; \
	VPSHUFD $0x4E, X3, X4; \
	OP X4, X3, X3; \
	VPSHUFD $0xB1, X3, X4; \
	OP X4, X3, X3

// f32ToInt8 rounds blocks of 32 to int8 a = x·127/max|x|; the largest is taken as integers, so that a NaN is the largest.
//
// func f32ToInt8(dst *uint32, src *byte, blocks int)
TEXT ·f32ToInt8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD blockConsts<>+0(SB), Z16
	VMOVSS blockConsts<>+4(SB), X17
	VMOVSS blockConsts<>+8(SB), X18
	VMOVSS blockConsts<>+12(SB), X19

block:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VPANDD Z16, Z0, Z2
	VPANDD Z16, Z1, Z3
	VPMAXUD Z2, Z3, Z3
	FOLD(VPMAXUD)
	VMAXSS X3, X17, X5 // the second source, X3, if it is NaN
	VDIVSS X5, X18, X5
	VMULSS X19, X3, X6 // scale
	VBROADCASTSS X5, Z5
	VMULPS Z5, Z0, Z0
	VMULPS Z5, Z1, Z1
	VCVTPS2DQ Z0, Z0
	VCVTPS2DQ Z1, Z1
	VPMOVSDB Z0, (DI)
	VPMOVSDB Z1, 16(DI)
	VPADDD Z0, Z1, Z3
	FOLD(VPADDD)
	VCVTDQ2PS X3, X3
	VMULSS X6, X3, X3
	VMOVSS X6, 32(DI)
	VMOVSS X3, 36(DI)
	ADDQ $128, SI
	ADDQ $40, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func q8ToInt8(dst *uint32, src *byte, blocks int): u = q + 128, m = −128·d
TEXT ·q8ToInt8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD blockConsts<>+16(SB), Y16
	VMOVSS blockConsts<>+20(SB), X17

block:
	VPXORD 2(SI), Y16, Y0
	VPBROADCASTW (SI), X1
	VCVTPH2PS X1, X1
	VMULSS X17, X1, X2
	VMOVDQU Y0, (DI)
	VMOVSS X1, 32(DI)
	VMOVSS X2, 36(DI)
	ADDQ $34, SI
	ADDQ $40, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

#define NIBBLES(off) \
	VMOVDQU off(SI), X0; \
	VPSRLW $4, X0, X3; \
	VPANDD X16, X0, X0; \
	VPANDD X16, X3, X3; \
	VMOVDQU X0, (DI); \
	VMOVDQU X3, 16(DI)

// func q40ToInt8(dst *uint32, src *byte, blocks int): u = q, m = −8·d
TEXT ·q40ToInt8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD blockConsts<>+24(SB), X16
	VMOVSS blockConsts<>+28(SB), X17

block:
	NIBBLES(2)
	VPBROADCASTW (SI), X1
	VCVTPH2PS X1, X1
	VMULSS X17, X1, X2
	VMOVSS X1, 32(DI)
	VMOVSS X2, 36(DI)
	ADDQ $18, SI
	ADDQ $40, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func q41ToInt8(dst *uint32, src *byte, blocks int): u = q
TEXT ·q41ToInt8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD blockConsts<>+24(SB), X16

block:
	NIBBLES(4)
	VPBROADCASTD (SI), X1
	VCVTPH2PS X1, X1
	VMOVLPS X1, 32(DI)
	ADDQ $20, SI
	ADDQ $40, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET
