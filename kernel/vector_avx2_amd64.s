//go:build amd64 && !purego

// The elementwise loops for AVX2 with FMA: what each computes is in vector_amd64.h and, as a Go loop, in the comments of
// vector_amd64.go.

#include "go_asm.h"
#include "textflag.h"

#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define V6 Y6
#define V7 Y7
#define V8 Y8
#define V9 Y9
#define V10 Y10
#define V11 Y11
#define V12 Y12
#define V13 Y13
#define V14 Y14
#define V15 Y15

#define VBYTES 32
#define LANES 8

// The mask is Y15, which only the sums at a loop's end use otherwise. R13 is not 0 where it leaves lanes out: storing under a mask takes
// Zen as long as a dozen plain stores.
#define FULLMASK \
	XORL     R13, R13; \
	VPCMPEQD Y15, Y15, Y15

#define TAILMASK \
	MOVL    $1, R13; \
	MOVQ    ·vectorConstants(SB), AX; \
	SHLQ    $2, CX; \
	SUBQ    CX, AX; \
	VMOVDQU (const_cTail+32)(AX), Y15

#define LOADM(mem, v) \
	VMASKMOVPS mem, Y15, v

#define LOADMOR(mem, d, v) \
	VMASKMOVPS mem, Y15, v; \
	VBLENDVPS  Y15, v, d, v

#define STOREM(v, mem) \
	TESTL      R13, R13; \
	JNE        3(PC); \
	VMOVUPS    v, mem; \
	JMP        2(PC); \
	VMASKMOVPS v, Y15, mem

#define ROUND(v, dst) \
	VROUNDPS $8, v, dst

// In two factors, as 2^n alone may lie beyond float32.
#define SCALE2(n, p, t) \
	VCVTPS2DQ n, n; \
	VPSRAD    $1, n, t; \
	VPSUBD    t, n, n; \
	VPSLLD    $23, t, t; \
	VPSLLD    $23, n, n; \
	VPADDD    const_cOne(R8), t, t; \
	VPADDD    const_cOne(R8), n, n; \
	VMULPS    t, p, p; \
	VMULPS    n, p, p

#define SELNEG(s, a, b, dst) \
	VBLENDVPS s, a, b, dst

#define HSUM(v) \
	VPERM2F128 $1, v, v, V15; \
	VADDPS     V15, v, v; \
	VPERMILPS  $0x4e, v, V15; \
	VADDPS     V15, v, v; \
	VPERMILPS  $0xb1, v, V15; \
	VADDPS     V15, v, v

#define HMAX(v) \
	VPERM2F128 $1, v, v, V15; \
	VMAXPS     V15, v, v; \
	VPERMILPS  $0x4e, v, V15; \
	VMAXPS     V15, v, v; \
	VPERMILPS  $0xb1, v, V15; \
	VMAXPS     V15, v, v

#include "vector_amd64.h"

// func reluAVX2(dst, x []float32)
TEXT ·reluAVX2(SB), NOSPLIT, $0-48
	UNARY(RELU_BODY)

// func relu6AVX2(dst, x []float32)
TEXT ·relu6AVX2(SB), NOSPLIT, $0-48
	CONSTANTS
	UNARY(RELU6_BODY)

// func geluAVX2(dst, x []float32)
TEXT ·geluAVX2(SB), NOSPLIT, $0-48
	CONSTANTS
	EXPLIMITS
	UNARY(GELU_BODY)

// func gatedAVX2(dst, x []float32, alpha, beta float32)
TEXT ·gatedAVX2(SB), NOSPLIT, $0-56
	VBROADCASTSS alpha+48(FP), V11
	VBROADCASTSS beta+52(FP), V12
	GATEDLIMITS
	UNARY(GATED_BODY)

// func tanhAVX2(dst, x []float32)
TEXT ·tanhAVX2(SB), NOSPLIT, $0-48
	CONSTANTS
	EXPLIMITS
	UNARY(TANH_BODY)

// func sigmoidAVX2(dst, x []float32)
TEXT ·sigmoidAVX2(SB), NOSPLIT, $0-48
	CONSTANTS
	EXPLIMITS
	UNARY(SIGMOID_BODY)

// func geluSlopeAVX2(dx, dy, x []float32)
TEXT ·geluSlopeAVX2(SB), NOSPLIT, $0-72
	CONSTANTS
	EXPLIMITS
	SLOPE(GELU_SLOPE)

// func gatedSlopeAVX2(dx, dy, x []float32, alpha, beta float32)
TEXT ·gatedSlopeAVX2(SB), NOSPLIT, $0-80
	VBROADCASTSS alpha+72(FP), V11
	VBROADCASTSS beta+76(FP), V12
	GATEDLIMITS
	SLOPE(GATED_SLOPE)

// RELU_SLOPE is V0 = 1 where V0 is not ≤ 0, else 0.
#define RELU_SLOPE \
	VCMPPS $6, V3, V0, V0; \
	VANDPS V4, V0, V0

// func reluSlopeAVX2(dx, dy, x []float32)
TEXT ·reluSlopeAVX2(SB), NOSPLIT, $0-72
	CONSTANTS
	VXORPS  V3, V3, V3
	VMOVUPS const_cOne(R8), V4
	SLOPE(RELU_SLOPE)

// func tanhSlopeAVX2(dx, dy, x []float32)
TEXT ·tanhSlopeAVX2(SB), NOSPLIT, $0-72
	CONSTANTS
	EXPLIMITS
	SLOPE(TANH_SLOPE)

// func sigmoidSlopeAVX2(dx, dy, x []float32)
TEXT ·sigmoidSlopeAVX2(SB), NOSPLIT, $0-72
	CONSTANTS
	EXPLIMITS
	SLOPE(SIGMOID_SLOPE)

// func addAVX2(dst, a, b []float32)
TEXT ·addAVX2(SB), NOSPLIT, $0-72
	BINARY(ADD_BODY)

// func mulAVX2(dst, a, b []float32)
TEXT ·mulAVX2(SB), NOSPLIT, $0-72
	BINARY(MUL_BODY)

// func scaleAVX2(s float32, x []float32)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-32
	SCALEBY

// func axpyAVX2(alpha float32, x, y []float32)
TEXT ·axpyAVX2(SB), NOSPLIT, $0-56
	AXPY

// func dotAVX2(a, b []float32) float32
TEXT ·dotAVX2(SB), NOSPLIT, $0-52
	MOVQ a_base+0(FP), SI
	MOVQ a_len+8(FP), CX
	MOVQ b_base+24(FP), DX
	FOLD(DOT_STEP, DOT_TAIL, NEXT2)
	VMOVSS X0, ret+48(FP)
	VZEROUPPER
	RET

// func sumAVX2(x []float32) float32
TEXT ·sumAVX2(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	FOLD(SUM_STEP, SUM_TAIL, NEXT1)
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func spreadAVX2(x []float32, mean float32) float32
TEXT ·spreadAVX2(SB), NOSPLIT, $0-36
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	VBROADCASTSS mean+24(FP), V8
	FOLD(SPREAD_STEP, SPREAD_TAIL, NEXT1)
	VMOVSS X0, ret+32(FP)
	VZEROUPPER
	RET

// func squaresAVX2(sums *[8]float64, x []float32)
TEXT ·squaresAVX2(SB), NOSPLIT, $0-32
	SQUARES

// func rowMaxAVX2(x []float32) float32
TEXT ·rowMaxAVX2(SB), NOSPLIT, $0-28
	ROWMAX

// func expSumAVX2(dst, x []float32, shift float32) float32
TEXT ·expSumAVX2(SB), NOSPLIT, $0-60
	EXPSUM(EXPSTORE)

// func normAVX2(dst, x, w, b []float32, mean, rstd float32)
TEXT ·normAVX2(SB), NOSPLIT, $0-104
	NORM

// func normSlopeAVX2(dx, dy, x, w []float32, mean, rstd, a, b float32)
TEXT ·normSlopeAVX2(SB), NOSPLIT, $0-112
	NORMSLOPE

// func normSumsAVX2(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32)
TEXT ·normSumsAVX2(SB), NOSPLIT, $0-136
	NORMSUMS

// func adamWAVX2(o *adamStep, p, m, v, g []float32)
TEXT ·adamWAVX2(SB), NOSPLIT, $0-104
	ADAMW_LOOP
