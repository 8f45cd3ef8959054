//go:build amd64 && !purego

// Products of weights that lie in eights with one row of inputs rounded to int16, for AVX2: two runs of groups of eight rows side by side.
// A lane is a row.

#include "go_asm.h"
#include "textflag.h"

// BEGIN, GROUP and END are the loop over groups of SIZE bytes a block: SI and DI point to them, BX to the inputs, CX is the columns that are
// left, R8 how far ahead is asked for; Y0 and Y1 are the sums.
#define BEGIN \
	MOVQ sums+0(FP), AX; \
	MOVQ w+8(FP), R12; \
	MOVQ stride+16(FP), R13; \
	MOVQ far+24(FP), DX; \
	MOVQ rows+32(FP), R9; \
	MOVQ ahead+56(FP), R8; \
	MOVQ R9, R11; \
	SHLQ $5, R11

#define GROUP \
	MOVQ   R12, SI; \
	LEAQ   (R12)(DX*1), DI; \
	MOVQ   x+40(FP), BX; \
	MOVQ   k+48(FP), CX; \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1

#define END \
	VMOVUPS Y0, (AX); \
	VMOVUPS Y1, (AX)(R11*1); \
	ADDQ    $32, AX; \
	ADDQ    R13, R12; \
	DECQ    R9; \
	JNZ     group; \
	VZEROUPPER; \
	RET

// ASK asks for what comes, a line of each run.
#define ASK(at) \
	PREFETCHT0 at(SI)(R8*1); \
	PREFETCHT0 at(DI)(R8*1)

// FINISH adds scale·d·(the integers in Y2 and Y3) to the sums.
#define FINISH(scale) \
	VBROADCASTSS scale(BX), Y8; \
	VCVTPH2PS    (SI), Y6; \
	VCVTPH2PS    (DI), Y7; \
	VCVTDQ2PS    Y2, Y2; \
	VCVTDQ2PS    Y3, Y3; \
	VMULPS       Y8, Y6, Y6; \
	VMULPS       Y8, Y7, Y7; \
	VFMADD231PS  Y6, Y2, Y0; \
	VFMADD231PS  Y7, Y3, Y1

// QUARTER adds four bytes of each row, eight nibbles, to the integers; at is where their inputs stand in each q of an int16Pair, whose comment
// says why so few nibbles must be cut out. Y14 is 15 in every word, Y15 is 255.
#define QUARTER(j, at) \
	VMOVDQU      (16+32*j)(SI), Y4; \
	VMOVDQU      (16+32*j)(DI), Y5; \
	VPBROADCASTD at(BX), Y8; \
	VPBROADCASTD (at+32)(BX), Y9; \
	VPAND        Y14, Y4, Y6; \
	VPAND        Y14, Y5, Y7; \
	VPMADDWD     Y8, Y6, Y6; \
	VPMADDWD     Y8, Y7, Y7; \
	VPAND        Y15, Y4, Y10; \
	VPAND        Y15, Y5, Y11; \
	VPMADDWD     Y9, Y10, Y10; \
	VPMADDWD     Y9, Y11, Y11; \
	VPBROADCASTD (at+64)(BX), Y8; \
	VPBROADCASTD (at+96)(BX), Y9; \
	VPSRLW       $8, Y4, Y4; \
	VPSRLW       $8, Y5, Y5; \
	VPADDD       Y6, Y2, Y2; \
	VPADDD       Y7, Y3, Y3; \
	VPADDD       Y10, Y2, Y2; \
	VPADDD       Y11, Y3, Y3; \
	VPAND        Y14, Y4, Y12; \
	VPAND        Y14, Y5, Y13; \
	VPMADDWD     Y9, Y4, Y4; \
	VPMADDWD     Y9, Y5, Y5; \
	VPMADDWD     Y8, Y12, Y12; \
	VPMADDWD     Y8, Y13, Y13; \
	VPADDD       Y4, Y2, Y2; \
	VPADDD       Y5, Y3, Y3; \
	VPADDD       Y12, Y2, Y2; \
	VPADDD       Y13, Y3, Y3

// BLOCK_Q4_0 is one of the two blocks that an int16Pair is for. Its extras undo the weights' offset of 8.
#define BLOCK_Q4_0(at) \
	VPBROADCASTD (128+at)(BX), Y2; \
	VPBROADCASTD (132+at)(BX), Y6; \
	VPBROADCASTD (136+at)(BX), Y7; \
	VPBROADCASTD (140+at)(BX), Y8; \
	VPADDD       Y6, Y2, Y2; \
	VPADDD       Y8, Y7, Y7; \
	VPADDD       Y7, Y2, Y2; \
	VMOVDQA      Y2, Y3; \
	QUARTER(0, at); \
	ASK(0); \
	QUARTER(1, at+4); \
	QUARTER(2, at+8); \
	ASK(64); \
	QUARTER(3, at+12); \
	FINISH(160+at); \
	ADDQ         $144, SI; \
	ADDQ         $144, DI

// func eightsQ40(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·eightsQ40(SB), NOSPLIT, $0-64
	MOVL         $0x000f000f, R10
	VMOVD        R10, X14
	VPBROADCASTD X14, Y14
	MOVL         $0x00ff00ff, R10
	VMOVD        R10, X15
	VPBROADCASTD X15, Y15
	BEGIN

group:
	GROUP

pair:
	SUBQ $64, CX
	JLT  last
	BLOCK_Q4_0(0)
	BLOCK_Q4_0(16)
	ADDQ $192, BX
	JMP  pair

last:
	ADDQ $64, CX
	JLE  done
	BLOCK_Q4_0(0)

done:
	END

// PART adds two bytes of each row to the integers.
#define PART(j) \
	VPMOVSXBW    (16+16*j)(SI), Y4; \
	VPMOVSXBW    (16+16*j)(DI), Y5; \
	VPBROADCASTD (4*j)(BX), Y8; \
	VPMADDWD     Y8, Y4, Y4; \
	VPMADDWD     Y8, Y5, Y5; \
	VPADDD       Y4, Y2, Y2; \
	VPADDD       Y5, Y3, Y3

#define FOUR_PARTS(j) PART(j); PART((j+1)); PART((j+2)); PART((j+3))

// func eightsQ80(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int)
TEXT ·eightsQ80(SB), NOSPLIT, $0-64
	BEGIN

group:
	GROUP

block:
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	FOUR_PARTS(0)
	ASK(0)
	FOUR_PARTS(4)
	ASK(64)
	FOUR_PARTS(8)
	ASK(128)
	FOUR_PARTS(12)
	ASK(192)
	FINISH(64)
	ADDQ  $272, SI
	ADDQ  $272, DI
	ADDQ  $128, BX
	SUBQ  $32, CX
	JNZ   block
	END
