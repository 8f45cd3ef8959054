//go:build amd64 && !purego

#include "textflag.h"
#include "ahead_amd64.h"

// The micro-kernel keeps up to 6 rows × 16 columns of sums in Y0–Y11, row i in Y(2i) and Y(2i+1); half of a panel of V passes
// through Y12 and Y13, the lanes of R are broadcast to Y14 and Y15. Rows 0–2 of R are at R12, 3–5 at R13, each R8 bytes apart.
// Six rows at a time pass by both halves of the panel; the one to five that are left over pass by together as well.

#define VLOAD(k) VMOVUPS (128*k)(AX), Y12; VMOVUPS (128*k+32)(AX), Y13

#define PAIR(m, b, a0, a1) \
	VBROADCASTSS m, b; \
	VFMADD231PS Y12, b, a0; \
	VFMADD231PS Y13, b, a1

#define STEP1(k) VLOAD(k); PAIR((4*k)(R12), Y14, Y0, Y1)
#define STEP2(k) STEP1(k); PAIR((4*k)(R12)(R8*1), Y15, Y2, Y3)
#define STEP3(k) STEP2(k); PAIR((4*k)(R12)(R8*2), Y14, Y4, Y5)
#define STEP4(k) STEP3(k); PAIR((4*k)(R13), Y15, Y6, Y7)
#define STEP5(k) STEP4(k); PAIR((4*k)(R13)(R8*1), Y14, Y8, Y9)
#define STEP6(k) STEP5(k); PAIR((4*k)(R13)(R8*2), Y15, Y10, Y11)

#define LOADACC(i, x, y) VMOVUPS (128*i)(DI), x; VMOVUPS (128*i+32)(DI), y
#define SAVEACC(i, x, y) VMOVUPS x, (128*i)(DI); VMOVUPS y, (128*i+32)(DI)
#define ZEROACC(i, x, y) VXORPS x, x, x; VXORPS y, y, y
#define WANTACC(i, x, y) PREFETCHT0 (128*(i+6))(DI)
#define ROWS1(OP) OP(0, Y0, Y1)
#define ROWS2(OP) ROWS1(OP); OP(1, Y2, Y3)
#define ROWS3(OP) ROWS2(OP); OP(2, Y4, Y5)
#define ROWS4(OP) ROWS3(OP); OP(3, Y6, Y7)
#define ROWS5(OP) ROWS4(OP); OP(4, Y8, Y9)
#define ROWS6(OP) ROWS5(OP); OP(5, Y10, Y11)

// GROUP computes a group of rows against the 16 columns at DX; DI points to their sums.
#define GROUP(ROWS, STEP, zero, four, rest, one, done) \
	MOVQ DX, AX; \
	MOVQ units+48(FP), BX; \
	MOVQ SI, R12; \
	LEAQ (SI)(R8*2), R13; \
	ADDQ R8, R13; \
	CMPB first+72(FP), $0; \
	JNE  zero; \
	ROWS(LOADACC); \
	JMP  four; \
zero: \
	ROWS(ZEROACC); \
four: \
	SUBQ $4, BX; \
	JLT  rest; \
	STEP(0); \
	STEP(1); \
	STEP(2); \
	STEP(3); \
	ADDQ $512, AX; \
	ADDQ $16, R12; \
	ADDQ $16, R13; \
	JMP  four; \
rest: \
	ADDQ $4, BX; \
one: \
	SUBQ $1, BX; \
	JLT  done; \
	STEP(0); \
	ADDQ $128, AX; \
	ADDQ $4, R12; \
	ADDQ $4, R13; \
	JMP  one; \
done: \
	ROWS(SAVEACC)

// BOTH computes a group of rows against the whole panel, half by half; the sums that the next group adds to are asked for.
#define BOTH(ROWS, STEP, zero, four, rest, one, done, zeroh, fourh, resth, oneh, doneh, next) \
	ROWS(WANTACC); \
	GROUP(ROWS, STEP, zero, four, rest, one, done); \
	CMPQ cols+64(FP), $16; \
	JLE  next; \
	ADDQ $64, DI; \
	ADDQ $64, DX; \
	ROWS(WANTACC); \
	GROUP(ROWS, STEP, zeroh, fourh, resth, oneh, doneh); \
	SUBQ $64, DI; \
	SUBQ $64, DX; \
next:

// EIGHT loads 8 rows of 8 lanes from p, R8 bytes apart (R9, R10, R11: 3, 5, 7 times that), and transposes them: Y0–Y7 to Y8–Y15.
#define EIGHT(p) \
	VMOVUPS (p), Y0; VMOVUPS (p)(R8*1), Y1; VMOVUPS (p)(R8*2), Y2; VMOVUPS (p)(R9*1), Y3; \
	VMOVUPS (p)(R8*4), Y4; VMOVUPS (p)(R10*1), Y5; VMOVUPS (p)(R9*2), Y6; VMOVUPS (p)(R11*1), Y7; \
	VUNPCKLPS Y1, Y0, Y8; VUNPCKHPS Y1, Y0, Y9; VUNPCKLPS Y3, Y2, Y10; VUNPCKHPS Y3, Y2, Y11; \
	VUNPCKLPS Y5, Y4, Y12; VUNPCKHPS Y5, Y4, Y13; VUNPCKLPS Y7, Y6, Y14; VUNPCKHPS Y7, Y6, Y15; \
	VUNPCKLPD Y10, Y8, Y0; VUNPCKHPD Y10, Y8, Y1; VUNPCKLPD Y11, Y9, Y2; VUNPCKHPD Y11, Y9, Y3; \
	VUNPCKLPD Y14, Y12, Y4; VUNPCKHPD Y14, Y12, Y5; VUNPCKLPD Y15, Y13, Y6; VUNPCKHPD Y15, Y13, Y7; \
	VPERM2F128 $0x20, Y4, Y0, Y8; VPERM2F128 $0x20, Y5, Y1, Y9; VPERM2F128 $0x20, Y6, Y2, Y10; VPERM2F128 $0x20, Y7, Y3, Y11; \
	VPERM2F128 $0x31, Y4, Y0, Y12; VPERM2F128 $0x31, Y5, Y1, Y13; VPERM2F128 $0x31, Y6, Y2, Y14; VPERM2F128 $0x31, Y7, Y3, Y15

// SCALED reads the next 32 sums of the row at SI as Y0–Y3: scaled by Y4, with the bias in Y5–Y8.
#define SCALED \
	VMOVUPS (SI), Y0; \
	VMOVUPS 32(SI), Y1; \
	VMOVUPS 64(SI), Y2; \
	VMOVUPS 96(SI), Y3; \
	VFMADD213PS Y5, Y4, Y0; \
	VFMADD213PS Y6, Y4, Y1; \
	VFMADD213PS Y7, Y4, Y2; \
	VFMADD213PS Y8, Y4, Y3

// STOREARGS loads what storeRowsAVX2 and streamRowsAVX2 take alike.
#define STOREARGS(nobias) \
	MOVQ c+0(FP), DI; \
	MOVQ ldc+8(FP), R8; \
	SHLQ $2, R8; \
	MOVQ acc+16(FP), SI; \
	MOVQ rows+24(FP), DX; \
	VBROADCASTSS scale+32(FP), Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
	VXORPS Y8, Y8, Y8; \
	MOVQ bias+40(FP), BX; \
	TESTQ BX, BX; \
	JZ   nobias; \
	VMOVUPS (BX), Y5; \
	VMOVUPS 32(BX), Y6; \
	VMOVUPS 64(BX), Y7; \
	VMOVUPS 96(BX), Y8; \
nobias:

// COLUMNS makes m a mask of the columns from n on that there are fewer of than Y15 says.
#define COLUMNS(n, m) \
	VMOVDQU  ·columnNumbers+(4*n)(SB), m; \
	VPCMPGTD m, Y15, m

// func mulF32AVX2(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)
TEXT ·mulF32AVX2(SB), NOSPLIT, $0-88
	MOVQ v+40(FP), DX
	MOVQ r_row+16(FP), R8
	MOVQ ahead+80(FP), R15
	MOVQ acc+0(FP), DI
	MOVQ r_p+8(FP), SI
	MOVQ rows+56(FP), R9

six:
	SUBQ $6, R9
	JLT  rest
	MOVL $6, R11 // the same rows of C, and 1 KB of the next panel: by 200 rows a whole one

wantC:
	AHEAD(R10, 0, moreC, doneC)
	DECQ R11
	JNZ  wantC
	MOVL $8, R11

wantV:
	AHEAD(R10, 80, moreV, doneV)
	DECQ R11
	JNZ  wantV

	BOTH(ROWS6, STEP6, zero6l, four6l, rest6l, one6l, done6l, zero6h, four6h, rest6h, one6h, done6h, next6)
	ADDQ $(6*128), DI
	LEAQ (R8)(R8*2), AX
	LEAQ (SI)(AX*2), SI
	JMP  six

rest:
	CMPQ R9, $-3
	JEQ  three
	JGT  more
	CMPQ R9, $-5
	JGT  two
	JLT  end
	BOTH(ROWS1, STEP1, zero1l, four1l, rest1l, one1l, done1l, zero1h, four1h, rest1h, one1h, done1h, last1)
	JMP  end

two:
	BOTH(ROWS2, STEP2, zero2l, four2l, rest2l, one2l, done2l, zero2h, four2h, rest2h, one2h, done2h, last2)
	JMP  end

three:
	BOTH(ROWS3, STEP3, zero3l, four3l, rest3l, one3l, done3l, zero3h, four3h, rest3h, one3h, done3h, last3)
	JMP  end

more:
	CMPQ R9, $-1
	JEQ  five
	BOTH(ROWS4, STEP4, zero4l, four4l, rest4l, one4l, done4l, zero4h, four4h, rest4h, one4h, done4h, last4)
	JMP  end

five:
	BOTH(ROWS5, STEP5, zero5l, four5l, rest5l, one5l, done5l, zero5h, four5h, rest5h, one5h, done5h, last5)

end:
	VZEROUPPER
	RET

// func transpose8AVX2(dst *uint32, dstStride int, src *byte, srcStride, squares int): 8 rows, squares times 8 lanes of each
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R12
	MOVQ src+16(FP), SI
	MOVQ srcStride+24(FP), R8
	MOVQ squares+32(FP), CX
	LEAQ (R8)(R8*2), R9
	LEAQ (R8)(R8*4), R10
	LEAQ (R9)(R8*4), R11
	LEAQ (R12)(R12*2), R13

square:
	EIGHT(SI)
	VMOVUPS Y8, (DI)
	VMOVUPS Y9, (DI)(R12*1)
	VMOVUPS Y10, (DI)(R12*2)
	VMOVUPS Y11, (DI)(R13*1)
	LEAQ (DI)(R12*4), DI
	VMOVUPS Y12, (DI)
	VMOVUPS Y13, (DI)(R12*1)
	VMOVUPS Y14, (DI)(R12*2)
	VMOVUPS Y15, (DI)(R13*1)
	LEAQ (DI)(R12*4), DI
	ADDQ $32, SI
	DECQ CX
	JNZ  square
	VZEROUPPER
	RET

// PAIRS makes of a vector of pairs of bf16 two of f32, those of even and of odd lanes, and puts them into the lanes at DI.
#define PAIRS(y) \
	VPSLLD $16, y, Y0; \
	VPAND Y1, y, y; \
	VMOVUPS Y0, (DI); \
	VMOVUPS y, 128(DI); \
	ADDQ $256, DI

// func transposePairsAVX2(dst *uint32, src *byte, srcStride, squares int): 8 rows, squares times 16 bf16 of each, to f32 in rows of 32 lanes
TEXT ·transposePairsAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ srcStride+16(FP), R8
	MOVQ squares+24(FP), CX
	LEAQ (R8)(R8*2), R9
	LEAQ (R8)(R8*4), R10
	LEAQ (R9)(R8*4), R11

square:
	EIGHT(SI)
	VPCMPEQD Y1, Y1, Y1
	VPSLLD $16, Y1, Y1
	PAIRS(Y8)
	PAIRS(Y9)
	PAIRS(Y10)
	PAIRS(Y11)
	PAIRS(Y12)
	PAIRS(Y13)
	PAIRS(Y14)
	PAIRS(Y15)
	ADDQ $32, SI
	DECQ CX
	JNZ  square
	VZEROUPPER
	RET

// QUADS makes of a vector of fours of signed bytes four of f32, scaled by Y1, and puts them into the lanes at DI.
#define QUAD(y, left, at) \
	VPSLLD $left, y, Y0; \
	VPSRAD $24, Y0, Y0; \
	VCVTDQ2PS Y0, Y0; \
	VMULPS Y1, Y0, Y0; \
	VMOVUPS Y0, at(DI)

#define QUADS(y) \
	QUAD(y, 24, 0); \
	QUAD(y, 16, 128); \
	QUAD(y, 8, 256); \
	VPSRAD $24, y, y; \
	VCVTDQ2PS y, y; \
	VMULPS Y1, y, y; \
	VMOVUPS y, 384(DI); \
	ADDQ $512, DI

// func transposeQ80AVX2(dst *uint32, src *byte, srcStride, blocks int): 8 rows, so many blocks of Q8_0 of each, to f32 in rows of 32 lanes
TEXT ·transposeQ80AVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ srcStride+16(FP), R8
	MOVQ blocks+24(FP), CX
	LEAQ (R8)(R8*2), R9
	LEAQ (R8)(R8*4), R10
	LEAQ (R9)(R8*4), R11

block:
	LEAQ 2(SI), AX
	EIGHT(AX)
	VPINSRW $0, (SI), X0, X1
	VPINSRW $1, (SI)(R8*1), X1, X1
	VPINSRW $2, (SI)(R8*2), X1, X1
	VPINSRW $3, (SI)(R9*1), X1, X1
	VPINSRW $4, (SI)(R8*4), X1, X1
	VPINSRW $5, (SI)(R10*1), X1, X1
	VPINSRW $6, (SI)(R9*2), X1, X1
	VPINSRW $7, (SI)(R11*1), X1, X1
	VCVTPH2PS X1, Y1
	QUADS(Y8)
	QUADS(Y9)
	QUADS(Y10)
	QUADS(Y11)
	QUADS(Y12)
	QUADS(Y13)
	QUADS(Y14)
	QUADS(Y15)
	ADDQ $34, SI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func storeRowsAVX2(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32, add bool): all 32 columns
TEXT ·storeRowsAVX2(SB), NOSPLIT, $0-49
	STOREARGS(nobias)
	MOVBLZX add+48(FP), AX

row:
	SCALED
	TESTL AX, AX
	JZ   put
	VADDPS (DI), Y0, Y0
	VADDPS 32(DI), Y1, Y1
	VADDPS 64(DI), Y2, Y2
	VADDPS 96(DI), Y3, Y3

put:
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ $128, SI
	ADDQ R8, DI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET

// func streamRowsAVX2(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32): past the caches
TEXT ·streamRowsAVX2(SB), NOSPLIT, $0-48
	STOREARGS(nobias)

row:
	SCALED
	VMOVNTPS Y0, (DI)
	VMOVNTPS Y1, 32(DI)
	VMOVNTPS Y2, 64(DI)
	VMOVNTPS Y3, 96(DI)
	ADDQ $128, SI
	ADDQ R8, DI
	DECQ DX
	JNZ  row
	SFENCE
	VZEROUPPER
	RET

// func storeEightAVX2(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32, add bool): 8 columns
TEXT ·storeEightAVX2(SB), NOSPLIT, $0-49
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), R8
	MOVQ acc+16(FP), SI
	MOVQ rows+24(FP), DX
	VBROADCASTSS scale+32(FP), Y4
	VXORPS Y5, Y5, Y5
	MOVQ bias+40(FP), BX
	TESTQ BX, BX
	JZ   nobias
	VMOVUPS (BX), Y5

nobias:
	MOVBLZX add+48(FP), AX

row:
	VMOVUPS (SI), Y0
	VFMADD213PS Y5, Y4, Y0
	TESTL AX, AX
	JZ   put
	VADDPS (DI), Y0, Y0

put:
	VMOVUPS Y0, (DI)
	ADDQ $128, SI
	LEAQ (DI)(R8*4), DI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET

// func zipRowsAVX2(dst *uint32, src *byte, stride, k int): 32 lanes of each of k rows; what lies beside them is wanted next
TEXT ·zipRowsAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ k+24(FP), DX

row:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	PREFETCHT0 128(SI)
	PREFETCHT0 192(SI)
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ R8, SI
	ADDQ $128, DI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET

// func zipSomeAVX2(dst *uint32, src *byte, stride, k, cols int): the same of cols < 32 lanes, and zeros
TEXT ·zipSomeAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ k+24(FP), DX
	VPBROADCASTD cols+32(FP), Y15
	COLUMNS(0, Y4)
	COLUMNS(8, Y5)
	COLUMNS(16, Y6)
	COLUMNS(24, Y7)

row:
	VMASKMOVPS (SI), Y4, Y0
	VMASKMOVPS 32(SI), Y5, Y1
	VMASKMOVPS 64(SI), Y6, Y2
	VMASKMOVPS 96(SI), Y7, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ R8, SI
	ADDQ $128, DI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET
