//go:build amd64 && !purego

#include "textflag.h"
#include "gemm_amd64.h"
#include "ahead_amd64.h"

// The micro-kernel keeps 12 rows × 32 columns of sums in Z0–Z23, row i in Z(2i) and Z(2i+1); a panel of V passes through
// Z24 and Z25, the lanes of R are broadcast to Z26–Z31. Rows 0–2 of R are at R12, 3–5 at R13, 6–8 at R11, 9–11 at R10, each
// R8 bytes apart. MAC is FMAPS or DPBF16PS: a lane is one f32 or two bf16.

#define VLOAD(k) VMOVUPS (128*k)(AX), Z24; VMOVUPS (128*k+64)(AX), Z25
#define THREE(k, p, x, y, z) VBROADCASTSS (4*k)(p), x; VBROADCASTSS (4*k)(p)(R8*1), y; VBROADCASTSS (4*k)(p)(R8*2), z

#define STEP12(MAC, k) \
	VLOAD(k); \
	THREE(k, R12, Z26, Z27, Z28); \
	THREE(k, R13, Z29, Z30, Z31); \
	MAC(0, 24, 26); MAC(1, 25, 26); MAC(2, 24, 27); MAC(3, 25, 27); MAC(4, 24, 28); MAC(5, 25, 28); \
	THREE(k, R11, Z26, Z27, Z28); \
	MAC(6, 24, 29); MAC(7, 25, 29); MAC(8, 24, 30); MAC(9, 25, 30); MAC(10, 24, 31); MAC(11, 25, 31); \
	THREE(k, R10, Z29, Z30, Z31); \
	MAC(12, 24, 26); MAC(13, 25, 26); MAC(14, 24, 27); MAC(15, 25, 27); MAC(16, 24, 28); MAC(17, 25, 28); \
	MAC(18, 24, 29); MAC(19, 25, 29); MAC(20, 24, 30); MAC(21, 25, 30); MAC(22, 24, 31); MAC(23, 25, 31)

#define STEP6(MAC, k) \
	VLOAD(k); \
	THREE(k, R12, Z26, Z27, Z28); \
	THREE(k, R13, Z29, Z30, Z31); \
	MAC(0, 24, 26); MAC(1, 25, 26); MAC(2, 24, 27); MAC(3, 25, 27); MAC(4, 24, 28); MAC(5, 25, 28); \
	MAC(6, 24, 29); MAC(7, 25, 29); MAC(8, 24, 30); MAC(9, 25, 30); MAC(10, 24, 31); MAC(11, 25, 31)

#define STEP3(MAC, k) \
	VLOAD(k); \
	THREE(k, R12, Z26, Z27, Z28); \
	MAC(0, 24, 26); MAC(1, 25, 26); MAC(2, 24, 27); MAC(3, 25, 27); MAC(4, 24, 28); MAC(5, 25, 28)

#define STEP1(MAC, k) \
	VLOAD(k); \
	VBROADCASTSS (4*k)(R12), Z26; \
	MAC(0, 24, 26); MAC(1, 25, 26)

#define ROW(OP, i, x, y) OP(128*i, x); OP(128*i+64, y)
#define LOADACC(off, z) VMOVUPS off(DI), z
#define SAVEACC(off, z) VMOVUPS z, off(DI)
#define ZEROACC(off, z) VPXORD z, z, z
#define ROWS1(OP) ROW(OP, 0, Z0, Z1)
#define ROWS3(OP) ROWS1(OP); ROW(OP, 1, Z2, Z3); ROW(OP, 2, Z4, Z5)
#define ROWS6(OP) ROWS3(OP); ROW(OP, 3, Z6, Z7); ROW(OP, 4, Z8, Z9); ROW(OP, 5, Z10, Z11)
#define ROWS12(OP) ROWS6(OP); \
	ROW(OP, 6, Z12, Z13); ROW(OP, 7, Z14, Z15); ROW(OP, 8, Z16, Z17); \
	ROW(OP, 9, Z18, Z19); ROW(OP, 10, Z20, Z21); ROW(OP, 11, Z22, Z23)

// GROUP computes one group of n rows: acc += R·V over BX lanes, four at a time, then one at a time. After four it
// asks for where its sums are going, and for what the next panel is packed from.
#define GROUP(MAC, n, ROWS, STEP, more, four, rest, one, done, columnC, askedC, columnV, askedV) \
	CMPB first+72(FP), $0; \
	JNE  more; \
	ROWS(LOADACC); \
	JMP  four; \
more: \
	ROWS(ZEROACC); \
four: \
	SUBQ $4, BX; \
	JLT  rest; \
	STEP(MAC, 0); \
	STEP(MAC, 1); \
	STEP(MAC, 2); \
	STEP(MAC, 3); \
	ADDQ $512, AX; \
	ADDQ $16, R10; \
	ADDQ $16, R11; \
	ADDQ $16, R12; \
	ADDQ $16, R13; \
	AHEAD(CX, 0, columnC, askedC); \
	AHEAD(CX, 80, columnV, askedV); \
	JMP  four; \
rest: \
	ADDQ $4, BX; \
one: \
	SUBQ $1, BX; \
	JLT  done; \
	STEP(MAC, 0); \
	ADDQ $128, AX; \
	ADDQ $4, R10; \
	ADDQ $4, R11; \
	ADDQ $4, R12; \
	ADDQ $4, R13; \
	JMP  one; \
done: \
	ROWS(SAVEACC); \
	ADDQ $(128*n), DI

#define POINTERS \
	MOVQ DX, AX; \
	MOVQ units+48(FP), BX; \
	MOVQ SI, R12; \
	LEAQ (SI)(R8*2), R13; \
	ADDQ R8, R13; \
	LEAQ (R13)(R8*2), R11; \
	ADDQ R8, R11; \
	LEAQ (R11)(R8*2), R10; \
	ADDQ R8, R10

#define MUL(MAC) \
	MOVQ acc+0(FP), DI; \
	MOVQ r_p+8(FP), SI; \
	MOVQ r_row+16(FP), R8; \
	MOVQ v+40(FP), DX; \
	MOVQ rows+56(FP), R9; \
	MOVQ ahead+80(FP), R15; \
rows12: \
	SUBQ $12, R9; \
	JLT  rows6; \
	POINTERS; \
	GROUP(MAC, 12, ROWS12, STEP12, more12, four12, rest12, one12, done12, columnC12, askedC12, columnV12, askedV12); \
	LEAQ (R8)(R8*2), AX; \
	LEAQ (SI)(AX*4), SI; \
	JMP  rows12; \
rows6: \
	ADDQ $6, R9; \
	JLT  rows3; \
	POINTERS; \
	GROUP(MAC, 6, ROWS6, STEP6, more6, four6, rest6, one6, done6, columnC6, askedC6, columnV6, askedV6); \
	LEAQ (R8)(R8*2), AX; \
	LEAQ (SI)(AX*2), SI; \
	SUBQ $6, R9; \
rows3: \
	ADDQ $3, R9; \
	JLT  rows1; \
	POINTERS; \
	GROUP(MAC, 3, ROWS3, STEP3, more3, four3, rest3, one3, done3, columnC3, askedC3, columnV3, askedV3); \
	LEAQ (SI)(R8*2), SI; \
	ADDQ R8, SI; \
	SUBQ $3, R9; \
rows1: \
	ADDQ $2, R9; \
	JLT  end; \
	POINTERS; \
	GROUP(MAC, 1, ROWS1, STEP1, more1, four1, rest1, one1, done1, columnC1, askedC1, columnV1, askedV1); \
	ADDQ R8, SI; \
	SUBQ $3, R9; \
	JMP  rows1; \
end: \
	VZEROUPPER; \
	RET

// func mulF32AVX512(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)
TEXT ·mulF32AVX512(SB), NOSPLIT, $0-88
	MUL(FMAPS)

// func mulBF16AVX512(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)
TEXT ·mulBF16AVX512(SB), NOSPLIT, $0-88
	MUL(DPBF16PS)
