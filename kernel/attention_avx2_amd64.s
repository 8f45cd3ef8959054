//go:build amd64 && !purego

// The elementwise half of attention for AVX2, on scores as the micro-kernel leaves them: what attention_amd64.s does for AVX-512.

#include "go_asm.h"
#include "textflag.h"

// EXP2 is p = 2^x for x ≤ 0, with 0 below 2^−126 (and for −Inf) and a NaN for a NaN: 2^(x−⌊x⌋) by a polynomial, to whose exponent ⌊x⌋
// is added. Y9–Y15 are its coefficients, Y7 is −126; n and m are free, x is spoilt.
#define EXP2(x, n, m, p) \
	VROUNDPS    $9, x, n; \
	VCMPPS      $5, Y7, x, m; \
	VSUBPS      n, x, x; \
	VCVTPS2DQ   n, n; \
	VPSLLD      $23, n, n; \
	VMOVAPS     Y15, p; \
	VFMADD213PS Y14, x, p; \
	VFMADD213PS Y13, x, p; \
	VFMADD213PS Y12, x, p; \
	VFMADD213PS Y11, x, p; \
	VFMADD213PS Y10, x, p; \
	VFMADD213PS Y9, x, p; \
	VPADDD      n, p, p; \
	VANDPS      m, p, p

#define EXP2CONSTANTS \
	VBROADCASTSS ·exp2Degree6+0(SB), Y9; \
	VBROADCASTSS ·exp2Degree6+4(SB), Y10; \
	VBROADCASTSS ·exp2Degree6+8(SB), Y11; \
	VBROADCASTSS ·exp2Degree6+12(SB), Y12; \
	VBROADCASTSS ·exp2Degree6+16(SB), Y13; \
	VBROADCASTSS ·exp2Degree6+20(SB), Y14; \
	VBROADCASTSS ·exp2Degree6+24(SB), Y15; \
	MOVL         $0xc2fc0000, AX; \
	VMOVD        AX, X7; \
	VPBROADCASTD X7, Y7

#define NEGINF(x, y) \
	MOVL         $0xff800000, AX; \
	VMOVD        AX, x; \
	VPBROADCASTD x, y

// WEIGHT is the weights of 8 columns of a panel: 2^(scale·score − top), added to a sum; scale·score is rounded as top was.
#define WEIGHT(at, sum) \
	VMULPS      at(R9), Y8, Y0; \
	VSUBPS      Y6, Y0, Y0; \
	EXP2(Y0, Y1, Y2, Y3); \
	VADDPS      Y3, sum, sum; \
	VMOVUPS     Y3, at(R10)

// HIDE makes 8 columns of the panel at R9 −Inf (Y3), from the one on whose number is in the lanes of Y0.
#define HIDE(at) \
	VPCMPGTD  ·columnNumbers+at(SB), Y0, Y1; \
	VMOVUPS   at(R9), Y2; \
	VBLENDVPS Y1, Y2, Y3, Y2; \
	VMOVUPS   Y2, at(R9)

// func softmaxF32AVX2(b *softmaxBlock)
// R8 is the block, SI a row's scores, BX the step, DI where a row's weights go, R13 the row, R12 the panels of which it sees something:
// in the last of them what is hidden is made −Inf before.
TEXT ·softmaxF32AVX2(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), R8
	EXP2CONSTANTS
	VBROADCASTSS softmaxBlock_scale(R8), Y8
	MOVQ softmaxBlock_acc(R8), SI
	MOVQ softmaxBlock_step(R8), BX
	MOVQ softmaxBlock_weights(R8), DI
	XORL R13, R13

row:
	NEGINF(X3, Y3)
	MOVQ    softmaxBlock_visible(R8), AX
	MOVLQSX (AX)(R13*4), CX
	LEAQ    31(CX), R12
	SHRQ    $5, R12
	ANDQ    $31, CX
	JZ      whole
	LEAQ    -1(R12), R9
	IMULQ   BX, R9
	ADDQ    SI, R9
	VMOVD   CX, X0
	VPBROADCASTD X0, Y0
	HIDE(0)
	HIDE(32)
	HIDE(64)
	HIDE(96)

whole:
	VMOVAPS Y3, Y0
	VMOVAPS Y3, Y1
	VMOVAPS Y3, Y2
	VMOVAPS Y3, Y4
	MOVQ    SI, R9
	MOVQ    R12, R11
	TESTQ   R11, R11
	JZ      top

max:
	VMAXPS (R9), Y0, Y0
	VMAXPS 32(R9), Y1, Y1
	VMAXPS 64(R9), Y2, Y2
	VMAXPS 96(R9), Y4, Y4
	ADDQ   BX, R9
	DECQ   R11
	JNZ    max

top:
	VMAXPS       Y1, Y0, Y0
	VMAXPS       Y4, Y2, Y2
	VMAXPS       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VPERMILPS    $0x4e, X0, X1
	VMAXPS       X1, X0, X0
	VPERMILPS    $0xb1, X0, X1
	VMAXPS       X1, X0, X0
	VMULPS       X8, X0, X1
	VCMPPS       $0, X3, X0, X2
	VANDNPS      X1, X2, X1
	MOVQ         softmaxBlock_top(R8), AX
	VMOVSS       X1, (AX)(R13*4)
	VBROADCASTSS X1, Y6
	VXORPS       Y4, Y4, Y4
	VXORPS       Y5, Y5, Y5
	MOVQ         SI, R9
	MOVQ         DI, R10
	MOVQ         softmaxBlock_panels(R8), R11
	SUBQ         R12, R11
	TESTQ        R12, R12
	JZ           zeros

weight:
	WEIGHT(0, Y4)
	WEIGHT(32, Y5)
	WEIGHT(64, Y4)
	WEIGHT(96, Y5)
	ADDQ BX, R9
	ADDQ $128, R10
	DECQ R12
	JNZ  weight

zeros:
	VXORPS Y0, Y0, Y0

zero:
	DECQ    R11
	JLT     sum
	VMOVUPS Y0, (R10)
	VMOVUPS Y0, 32(R10)
	VMOVUPS Y0, 64(R10)
	VMOVUPS Y0, 96(R10)
	ADDQ    $128, R10
	JMP     zero

sum:
	VADDPS       Y5, Y4, Y4
	VEXTRACTF128 $1, Y4, X5
	VADDPS       X5, X4, X4
	VPERMILPS    $0x4e, X4, X5
	VADDPS       X5, X4, X4
	VPERMILPS    $0xb1, X4, X5
	VADDPS       X5, X4, X4
	MOVQ         softmaxBlock_sum(R8), AX
	VMOVSS       X4, (AX)(R13*4)
	ADDQ         $128, SI
	ADDQ         softmaxBlock_stride(R8), DI
	INCQ         R13
	CMPQ         R13, softmaxBlock_rows(R8)
	JLT          row
	VZEROUPPER
	RET

// SEEN makes 8 scores in Y0 −Inf (Y4) where a byte at p is 0, if there is a p.
#define SEEN(p, next) \
	TESTQ     p, p; \
	JZ        next; \
	VPMOVZXBD (p), Y1; \
	VPCMPEQD  Y5, Y1, Y1; \
	VBLENDVPS Y1, Y4, Y0, Y0; \
	ADDQ      $8, p; \
next:

// func maskScoresAVX2(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8): eights of columns
TEXT ·maskScoresAVX2(SB), NOSPLIT, $0-56
	MOVQ         acc+0(FP), SI
	MOVQ         cols+16(FP), CX
	VBROADCASTSS scale+24(FP), Y3
	MOVQ         bias+32(FP), R9
	MOVQ         mask+40(FP), R10
	MOVQ         keyMask+48(FP), R11
	VPXOR        Y5, Y5, Y5
	NEGINF(X4, Y4)
	XORL         BX, BX

eight:
	SUBQ   $8, CX
	JLT    done
	VMULPS (SI)(BX*1), Y3, Y0
	TESTQ  R9, R9
	JZ     unbiased
	VADDPS (R9), Y0, Y0
	ADDQ   $32, R9

unbiased:
	SEEN(R10, unmasked)
	SEEN(R11, put)
	VMOVUPS Y0, (SI)(BX*1)
	ADDQ    $32, BX
	CMPQ    BX, $128
	JNE     eight
	XORL    BX, BX
	ADDQ    step+8(FP), SI
	JMP     eight

done:
	VZEROUPPER
	RET

// func storeScaledAVX2(out *float32, stride int, acc *float32, rows, cols int, scales *float32): eights of columns
TEXT ·storeScaledAVX2(SB), NOSPLIT, $0-48
	MOVQ out+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ acc+16(FP), SI
	MOVQ rows+24(FP), DX
	MOVQ cols+32(FP), BX
	MOVQ scales+40(FP), R9
	SHLQ $2, BX

row:
	VBROADCASTSS (R9), Y0
	XORL         CX, CX

eight:
	VMULPS  (SI)(CX*1), Y0, Y1
	VMOVUPS Y1, (DI)(CX*1)
	ADDQ    $32, CX
	CMPQ    CX, BX
	JLT     eight
	ADDQ    $4, R9
	ADDQ    $128, SI
	ADDQ    R8, DI
	DECQ    DX
	JNZ     row
	VZEROUPPER
	RET

// SLOPE is the weights of 8 queries and the slopes of their scores, at off of every row. R9 is the logarithms of their sums, R12 the
// deltas, Y8 the scale to powers of two, Y6 the scale.
#define SLOPE(off) \
	VMOVUPS     off(R9), Y5; \
	VMOVAPS     Y8, Y0; \
	VFMSUB132PS off(SI), Y5, Y0; \
	EXP2(Y0, Y1, Y2, Y3); \
	VMOVUPS     off(DX), Y4; \
	VSUBPS      off(R12), Y4, Y4; \
	VMULPS      Y3, Y4, Y4; \
	VMULPS      Y6, Y4, Y4; \
	VMOVUPS     Y3, off(R10); \
	VMOVUPS     Y4, off(DX); \
	VMOVUPS     Y4, off(R11)

// func slopesF32AVX2(b *slopeBlock)
TEXT ·slopesF32AVX2(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), R8
	EXP2CONSTANTS
	VBROADCASTSS slopeBlock_scale2(R8), Y8
	VBROADCASTSS slopeBlock_scale(R8), Y6
	MOVQ slopeBlock_lse(R8), R9
	MOVQ slopeBlock_delta(R8), R12
	MOVQ slopeBlock_scores(R8), SI
	MOVQ slopeBlock_dweights(R8), DX
	MOVQ slopeBlock_weights(R8), R10
	MOVQ slopeBlock_dscores(R8), R11
	MOVQ slopeBlock_stride(R8), BX
	MOVQ slopeBlock_rows(R8), CX

row:
	SLOPE(0)
	SLOPE(32)
	SLOPE(64)
	SLOPE(96)
	ADDQ $128, SI
	ADDQ $128, DX
	ADDQ BX, R10
	ADDQ BX, R11
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET
