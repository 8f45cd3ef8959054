//go:build amd64 && !purego

// The elementwise half of attention for AVX-512, on scores as a micro-kernel leaves them: panels of 32 columns, row i of panel
// n at acc + n·step + i·128 bytes.

#include "go_asm.h"
#include "textflag.h"
#include "gemm_amd64.h"

// EXP2 is p = 2^x for x ≤ 0 (2^−Inf is 0, a NaN stays one): 2^(x−⌊x⌋) by a polynomial, from DEGREE(x, p), times 2^⌊x⌋. f is free.
#define EXP2(DEGREE, x, f, p) \
	VREDUCEPS $9, x, f; \
	DEGREE(f, p); \
	VSCALEFPS x, p, p

// Degree 6 (relative error 2e-9, before rounding), coefficients in Z20–Z26.
#define DEGREE6(f, p) \
	VMOVAPS Z26, p; \
	VFMADD213PS Z25, f, p; \
	VFMADD213PS Z24, f, p; \
	VFMADD213PS Z23, f, p; \
	VFMADD213PS Z22, f, p; \
	VFMADD213PS Z21, f, p; \
	VFMADD213PS Z20, f, p

// Degree 3 (8e-5), for weights that are rounded to bf16 (4e-3); coefficients in Z20–Z23.
#define DEGREE3(f, p) \
	VMOVAPS Z23, p; \
	VFMADD213PS Z22, f, p; \
	VFMADD213PS Z21, f, p; \
	VFMADD213PS Z20, f, p

#define LOAD6 \
	VBROADCASTSS ·exp2Degree6+0(SB), Z20; \
	VBROADCASTSS ·exp2Degree6+4(SB), Z21; \
	VBROADCASTSS ·exp2Degree6+8(SB), Z22; \
	VBROADCASTSS ·exp2Degree6+12(SB), Z23; \
	VBROADCASTSS ·exp2Degree6+16(SB), Z24; \
	VBROADCASTSS ·exp2Degree6+20(SB), Z25; \
	VBROADCASTSS ·exp2Degree6+24(SB), Z26

#define LOAD3 \
	VBROADCASTSS ·exp2Degree3+0(SB), Z20; \
	VBROADCASTSS ·exp2Degree3+4(SB), Z21; \
	VBROADCASTSS ·exp2Degree3+8(SB), Z22; \
	VBROADCASTSS ·exp2Degree3+12(SB), Z23

// STOREF32 and STOREBF16 store 32 columns, of which Z2 and Z3 are the halves, at p.
#define STOREF32(p) \
	VMOVUPS Z2, (p); \
	VMOVUPS Z3, 64(p); \
	ADDQ    $128, p

#define STOREBF16(p) \
	CVTNE2PS2BF16(4, 3, 2); \
	VMOVUPS Z4, (p); \
	ADDQ    $64, p

// REDUCE16 makes Z0 the 16 rows' results of OP over the 16 lanes of each of the vectors at p. It spoils every register.
#define REDUCE16(OP, p) \
	VMOVUPS (p), Z0; VMOVUPS 64(p), Z1; VMOVUPS 128(p), Z2; VMOVUPS 192(p), Z3; \
	VMOVUPS 256(p), Z4; VMOVUPS 320(p), Z5; VMOVUPS 384(p), Z6; VMOVUPS 448(p), Z7; \
	VMOVUPS 512(p), Z8; VMOVUPS 576(p), Z9; VMOVUPS 640(p), Z10; VMOVUPS 704(p), Z11; \
	VMOVUPS 768(p), Z12; VMOVUPS 832(p), Z13; VMOVUPS 896(p), Z14; VMOVUPS 960(p), Z15; \
	TRANSPOSE; \
	OP Z8, Z0, Z0; OP Z9, Z1, Z1; OP Z10, Z2, Z2; OP Z11, Z3, Z3; \
	OP Z12, Z4, Z4; OP Z13, Z5, Z5; OP Z14, Z6, Z6; OP Z15, Z7, Z7; \
	OP Z4, Z0, Z0; OP Z5, Z1, Z1; OP Z6, Z2, Z2; OP Z7, Z3, Z3; \
	OP Z2, Z0, Z0; OP Z3, Z1, Z1; \
	OP Z1, Z0, Z0

// VISIBLE is the columns of row R13: R12 whole panels, and CX more, of which K1 and K2 are the halves.
#define VISIBLE \
	MOVQ softmaxBlock_visible(R8), AX; \
	MOVLQSX (AX)(R13*4), CX; \
	MOVQ CX, R12; \
	SHRQ $5, R12; \
	ANDQ $31, CX; \
	MOVL $1, AX; \
	SHLL CX, AX; \
	DECL AX; \
	KMOVW AX, K1; \
	SHRL $16, AX; \
	KMOVW AX, K2

// SOFTMAX goes over the rows' scores for their maxima, lane by lane, then over all rows at once for what is left of that; and the same
// again for the weights and their sums. A score is rounded as the maximum was before that is taken from it: of a large one a fused
// multiplication would leave what the rounding took, and 2 to the power of that. R8 is the block, SI a row's scores, BX the step, DI where
// a row's weights go, R13 the row.
#define SOFTMAX(LOAD, DEGREE, STORE) \
	MOVQ softmaxBlock_acc(R8), SI; \
	MOVQ softmaxBlock_step(R8), BX; \
	MOVQ softmaxBlock_spare(R8), DI; \
	MOVL $0xff800000, AX; \
	VPBROADCASTD AX, Z18; \
	XORL R13, R13; \
maxrow: \
	VISIBLE; \
	VMOVAPS Z18, Z0; \
	VMOVAPS Z18, Z1; \
	MOVQ SI, R9; \
	TESTQ R12, R12; \
	JZ   maxrest; \
max: \
	VMAXPS (R9), Z0, Z0; \
	VMAXPS 64(R9), Z1, Z1; \
	ADDQ BX, R9; \
	DECQ R12; \
	JNZ  max; \
maxrest: \
	VMAXPS (R9), Z0, K1, Z0; \
	VMAXPS 64(R9), Z1, K2, Z1; \
	VMAXPS Z1, Z0, Z0; \
	VMOVUPS Z0, (DI); \
	ADDQ $64, DI; \
	ADDQ $128, SI; \
	INCQ R13; \
	CMPQ R13, softmaxBlock_rows(R8); \
	JLT  maxrow; \
	MOVQ softmaxBlock_spare(R8), SI; \
	MOVQ softmaxBlock_top(R8), DI; \
top: \
	REDUCE16(VMAXPS, SI); \
	VBROADCASTSS softmaxBlock_scale(R8), Z16; \
	MOVL $0xff800000, AX; \
	VPBROADCASTD AX, Z18; \
	VPCMPD $4, Z18, Z0, K1; \
	VMULPS.Z Z16, Z0, K1, Z0; \
	VMOVUPS Z0, (DI); \
	ADDQ $1024, SI; \
	ADDQ $64, DI; \
	SUBQ $16, R13; \
	JGT  top; \
	VBROADCASTSS softmaxBlock_scale(R8), Z16; \
	VPXORD Z19, Z19, Z19; \
	LOAD; \
	MOVQ softmaxBlock_acc(R8), SI; \
	MOVQ softmaxBlock_weights(R8), DI; \
	MOVQ softmaxBlock_spare(R8), R15; \
	XORL R13, R13; \
row: \
	VISIBLE; \
	MOVQ softmaxBlock_top(R8), AX; \
	VBROADCASTSS (AX)(R13*4), Z17; \
	VMOVAPS Z19, Z0; \
	VMOVAPS Z19, Z1; \
	MOVQ SI, R9; \
	MOVQ DI, R10; \
	MOVQ softmaxBlock_panels(R8), R11; \
	SUBQ R12, R11; \
	TESTQ R12, R12; \
	JZ   weightrest; \
weight: \
	VMULPS (R9), Z16, Z5; \
	VMULPS 64(R9), Z16, Z6; \
	VSUBPS Z17, Z5, Z5; \
	VSUBPS Z17, Z6, Z6; \
	EXP2(DEGREE, Z5, Z7, Z2); \
	EXP2(DEGREE, Z6, Z8, Z3); \
	VADDPS Z2, Z0, Z0; \
	VADDPS Z3, Z1, Z1; \
	STORE(R10); \
	ADDQ BX, R9; \
	DECQ R12; \
	JNZ  weight; \
weightrest: \
	TESTQ CX, CX; \
	JZ   zeros; \
	VMULPS (R9), Z16, Z5; \
	VMULPS 64(R9), Z16, Z6; \
	VSUBPS Z17, Z5, Z5; \
	VSUBPS Z17, Z6, Z6; \
	EXP2(DEGREE, Z5, Z7, Z2); \
	EXP2(DEGREE, Z6, Z8, Z3); \
	VMOVAPS.Z Z2, K1, Z2; \
	VMOVAPS.Z Z3, K2, Z3; \
	VADDPS Z2, Z0, Z0; \
	VADDPS Z3, Z1, Z1; \
	STORE(R10); \
	DECQ R11; \
zeros: \
	VMOVAPS Z19, Z2; \
	VMOVAPS Z19, Z3; \
zero: \
	DECQ R11; \
	JLT  sums; \
	STORE(R10); \
	JMP  zero; \
sums: \
	VADDPS Z1, Z0, Z0; \
	VMOVUPS Z0, (R15); \
	ADDQ $64, R15; \
	ADDQ $128, SI; \
	ADDQ softmaxBlock_stride(R8), DI; \
	INCQ R13; \
	CMPQ R13, softmaxBlock_rows(R8); \
	JLT  row; \
	MOVQ softmaxBlock_spare(R8), SI; \
	MOVQ softmaxBlock_sum(R8), DI; \
sum: \
	REDUCE16(VADDPS, SI); \
	VMOVUPS Z0, (DI); \
	ADDQ $1024, SI; \
	ADDQ $64, DI; \
	SUBQ $16, R13; \
	JGT  sum; \
	VZEROUPPER; \
	RET

// func softmaxF32AVX512(b *softmaxBlock)
TEXT ·softmaxF32AVX512(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), R8
	SOFTMAX(LOAD6, DEGREE6, STOREF32)

// func softmaxBF16AVX512(b *softmaxBlock)
TEXT ·softmaxBF16AVX512(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), R8
	SOFTMAX(LOAD3, DEGREE3, STOREBF16)

// func maskScoresAVX512(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8)
TEXT ·maskScoresAVX512(SB), NOSPLIT, $0-56
	MOVQ         acc+0(FP), SI
	MOVQ         step+8(FP), BX
	MOVQ         cols+16(FP), CX
	VBROADCASTSS scale+24(FP), Z16
	MOVQ         bias+32(FP), R9
	MOVQ         mask+40(FP), R10
	MOVQ         keyMask+48(FP), R11
	MOVL         $0xff800000, AX
	VPBROADCASTD AX, Z18
	KXNORD       K1, K1, K1

loop:
	SUBQ $32, CX
	JLT  tail

body:
	VMULPS   (SI), Z16, Z0
	VMULPS   64(SI), Z16, Z1
	KMOVD    K1, K3
	TESTQ    R9, R9
	JZ       unbiased
	KSHIFTRD $16, K1, K2
	VMOVUPS.Z (R9), K1, Z2
	VMOVUPS.Z 64(R9), K2, Z3
	VADDPS   Z2, Z0, Z0
	VADDPS   Z3, Z1, Z1
	ADDQ     $128, R9

unbiased:
	TESTQ       R10, R10
	JZ          unmasked
	VMOVDQU8.Z  (R10), K1, Y2
	VPTESTMB    Y2, Y2, K3, K3
	ADDQ        $32, R10

unmasked:
	TESTQ       R11, R11
	JZ          store
	VMOVDQU8.Z  (R11), K1, Y2
	VPTESTMB    Y2, Y2, K3, K3
	ADDQ        $32, R11

store:
	KSHIFTRD $16, K3, K4
	VMOVAPS  Z18, Z2
	VMOVAPS  Z18, Z3
	VMOVAPS  Z0, K3, Z2
	VMOVAPS  Z1, K4, Z3
	VMOVUPS  Z2, (SI)
	VMOVUPS  Z3, 64(SI)
	ADDQ     BX, SI
	JMP      loop

tail:
	ADDQ  $32, CX
	JLE   done
	MOVL  $1, AX
	SHLL  CX, AX
	DECL  AX
	KMOVD AX, K1
	XORL  CX, CX
	JMP   body

done:
	VZEROUPPER
	RET

// func storeScaledAVX512(out *float32, stride int, acc *float32, rows, cols int, scales *float32)
TEXT ·storeScaledAVX512(SB), NOSPLIT, $0-48
	MOVQ  out+0(FP), DI
	MOVQ  stride+8(FP), R8
	MOVQ  acc+16(FP), SI
	MOVQ  rows+24(FP), DX
	MOVQ  cols+32(FP), CX
	MOVQ  scales+40(FP), BX
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K1
	SHRQ  $16, AX
	KMOVW AX, K2

row:
	VBROADCASTSS (BX), Z2
	VMULPS       (SI), Z2, Z0
	VMULPS       64(SI), Z2, Z1
	VMOVUPS      Z0, K1, (DI)
	VMOVUPS      Z1, K2, 64(DI)
	ADDQ         $4, BX
	ADDQ         $128, SI
	ADDQ         R8, DI
	DECQ         DX
	JNZ          row
	VZEROUPPER
	RET

// Z16 and Z17 are log Σ exp of the 32 queries, Z18 and Z19 their deltas, Z27 the scale to powers of two, Z28 the scale.
#define SLOPES(STORE) \
	LOAD6; \
	MOVQ slopeBlock_lse(R8), AX; \
	VMOVUPS (AX), Z16; \
	VMOVUPS 64(AX), Z17; \
	MOVQ slopeBlock_delta(R8), AX; \
	VMOVUPS (AX), Z18; \
	VMOVUPS 64(AX), Z19; \
	VBROADCASTSS slopeBlock_scale2(R8), Z27; \
	VBROADCASTSS slopeBlock_scale(R8), Z28; \
	MOVQ slopeBlock_scores(R8), SI; \
	MOVQ slopeBlock_dweights(R8), DX; \
	MOVQ slopeBlock_weights(R8), R10; \
	MOVQ slopeBlock_dscores(R8), R11; \
	MOVQ slopeBlock_stride(R8), BX; \
	MOVQ slopeBlock_rows(R8), CX; \
row: \
	VMOVAPS Z27, Z5; \
	VMOVAPS Z27, Z6; \
	VFMSUB132PS (SI), Z16, Z5; \
	VFMSUB132PS 64(SI), Z17, Z6; \
	EXP2(DEGREE6, Z5, Z7, Z2); \
	EXP2(DEGREE6, Z6, Z8, Z3); \
	VMOVUPS (DX), Z9; \
	VMOVUPS 64(DX), Z10; \
	VSUBPS Z18, Z9, Z9; \
	VSUBPS Z19, Z10, Z10; \
	VMULPS Z2, Z9, Z9; \
	VMULPS Z3, Z10, Z10; \
	VMULPS Z28, Z9, Z9; \
	VMULPS Z28, Z10, Z10; \
	VMOVUPS Z9, (DX); \
	VMOVUPS Z10, 64(DX); \
	MOVQ R10, R12; \
	STORE(R12); \
	VMOVAPS Z9, Z2; \
	VMOVAPS Z10, Z3; \
	MOVQ R11, R12; \
	STORE(R12); \
	ADDQ $128, SI; \
	ADDQ $128, DX; \
	ADDQ BX, R10; \
	ADDQ BX, R11; \
	DECQ CX; \
	JNZ  row; \
	VZEROUPPER; \
	RET

// func slopesF32AVX512(b *slopeBlock)
TEXT ·slopesF32AVX512(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), R8
	SLOPES(STOREF32)

// func slopesBF16AVX512(b *slopeBlock)
TEXT ·slopesBF16AVX512(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), R8
	SLOPES(STOREBF16)
