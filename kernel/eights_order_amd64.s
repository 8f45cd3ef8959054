//go:build amd64 && !purego

// Weights that lie in eights are put back into order, for AVX2: a group of eight rows, block by block.

#include "textflag.h"

// TO_ROWS addresses the rows of a group that is put back into order: four off DI and four off R10, by R8 and R9.
#define TO_ROWS \
	MOVQ dst+0(FP), DI; \
	MOVQ stride+8(FP), R8; \
	MOVQ src+16(FP), SI; \
	MOVQ blocks+24(FP), CX; \
	LEAQ (R8)(R8*2), R9; \
	LEAQ (DI)(R8*4), R10

// SCALES stores the eight scales at (SI), in front of each row's block.
#define SCALES \
	VMOVDQU (SI), X0; \
	VPEXTRW $0, X0, (DI); \
	VPEXTRW $1, X0, (DI)(R8*1); \
	VPEXTRW $2, X0, (DI)(R8*2); \
	VPEXTRW $3, X0, (DI)(R9*1); \
	VPEXTRW $4, X0, (R10); \
	VPEXTRW $5, X0, (R10)(R8*1); \
	VPEXTRW $6, X0, (R10)(R8*2); \
	VPEXTRW $7, X0, (R10)(R9*1)

// HALVES reads part j of eight rows to the lower half of y, part j+8 to its upper half.
#define HALVES(j, x, y) \
	VMOVDQU     (16+16*j)(SI), x; \
	VINSERTI128 $1, (144+16*j)(SI), y, y

// func orderQ40(dst *byte, stride int, src *byte, blocks int)
TEXT ·orderQ40(SB), NOSPLIT, $0-32
	TO_ROWS

block:
	SCALES
	VMOVDQU      16(SI), Y0
	VMOVDQU      48(SI), Y1
	VMOVDQU      80(SI), Y2
	VMOVDQU      112(SI), Y3
	VPUNPCKLDQ   Y1, Y0, Y4
	VPUNPCKHDQ   Y1, Y0, Y5
	VPUNPCKLDQ   Y3, Y2, Y6
	VPUNPCKHDQ   Y3, Y2, Y7
	VPUNPCKLQDQ  Y6, Y4, Y8
	VPUNPCKHQDQ  Y6, Y4, Y9
	VPUNPCKLQDQ  Y7, Y5, Y10
	VPUNPCKHQDQ  Y7, Y5, Y11
	VMOVDQU      X8, 2(DI)
	VMOVDQU      X9, 2(DI)(R8*1)
	VMOVDQU      X10, 2(DI)(R8*2)
	VMOVDQU      X11, 2(DI)(R9*1)
	VEXTRACTI128 $1, Y8, 2(R10)
	VEXTRACTI128 $1, Y9, 2(R10)(R8*1)
	VEXTRACTI128 $1, Y10, 2(R10)(R8*2)
	VEXTRACTI128 $1, Y11, 2(R10)(R9*1)
	ADDQ         $144, SI
	ADDQ         $18, DI
	ADDQ         $18, R10
	DECQ         CX
	JNZ          block
	VZEROUPPER
	RET

// func orderQ80(dst *byte, stride int, src *byte, blocks int)
TEXT ·orderQ80(SB), NOSPLIT, $0-32
	TO_ROWS

block:
	SCALES
	HALVES(0, X0, Y0)
	HALVES(1, X1, Y1)
	HALVES(2, X2, Y2)
	HALVES(3, X3, Y3)
	HALVES(4, X4, Y4)
	HALVES(5, X5, Y5)
	HALVES(6, X6, Y6)
	HALVES(7, X7, Y7)
	VPUNPCKLWD  Y1, Y0, Y8
	VPUNPCKHWD  Y1, Y0, Y9
	VPUNPCKLWD  Y3, Y2, Y10
	VPUNPCKHWD  Y3, Y2, Y11
	VPUNPCKLWD  Y5, Y4, Y12
	VPUNPCKHWD  Y5, Y4, Y13
	VPUNPCKLWD  Y7, Y6, Y14
	VPUNPCKHWD  Y7, Y6, Y15
	VPUNPCKLDQ  Y10, Y8, Y0
	VPUNPCKHDQ  Y10, Y8, Y1
	VPUNPCKLDQ  Y14, Y12, Y2
	VPUNPCKHDQ  Y14, Y12, Y3
	VPUNPCKLDQ  Y11, Y9, Y4
	VPUNPCKHDQ  Y11, Y9, Y5
	VPUNPCKLDQ  Y15, Y13, Y6
	VPUNPCKHDQ  Y15, Y13, Y7
	VPUNPCKLQDQ Y2, Y0, Y8
	VPUNPCKHQDQ Y2, Y0, Y9
	VPUNPCKLQDQ Y3, Y1, Y10
	VPUNPCKHQDQ Y3, Y1, Y11
	VPUNPCKLQDQ Y6, Y4, Y12
	VPUNPCKHQDQ Y6, Y4, Y13
	VPUNPCKLQDQ Y7, Y5, Y14
	VPUNPCKHQDQ Y7, Y5, Y15
	VMOVDQU     Y8, 2(DI)
	VMOVDQU     Y9, 2(DI)(R8*1)
	VMOVDQU     Y10, 2(DI)(R8*2)
	VMOVDQU     Y11, 2(DI)(R9*1)
	VMOVDQU     Y12, 2(R10)
	VMOVDQU     Y13, 2(R10)(R8*1)
	VMOVDQU     Y14, 2(R10)(R8*2)
	VMOVDQU     Y15, 2(R10)(R9*1)
	ADDQ        $272, SI
	ADDQ        $34, DI
	ADDQ        $34, R10
	DECQ        CX
	JNZ         block
	VZEROUPPER
	RET
