//go:build amd64 && !purego

// The elementwise loops for AVX-512 (F, DQ, BW, VL): what each computes is in vector_amd64.h and, as a Go loop, in the
// comments of vector_amd64.go.

#include "go_asm.h"
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

#define FULLMASK \
	KXNORW K1, K1, K1

#define TAILMASK \
	MOVL  $1, AX; \
	SHLL  CX, AX; \
	DECL  AX; \
	KMOVW AX, K1

#define LOADM(mem, v) \
	VMOVUPS.Z mem, K1, v

#define LOADMOR(mem, d, v) \
	VMOVAPS d, v; \
	VMOVUPS mem, K1, v

#define STOREM(v, mem) \
	VMOVUPS v, K1, mem

#define ROUND(v, dst) \
	VRNDSCALEPS $8, v, dst

#define SCALE2(n, p, t) \
	VSCALEFPS n, p, p

#define SELNEG(s, a, b, dst) \
	VPMOVD2M  s, K2; \
	VBLENDMPS a, b, K2, dst

#define HSUM(v) \
	VSHUFF32X4 $0x4e, v, v, V15; \
	VADDPS     V15, v, v; \
	VSHUFF32X4 $0xb1, v, v, V15; \
	VADDPS     V15, v, v; \
	VPERMILPS  $0x4e, v, V15; \
	VADDPS     V15, v, v; \
	VPERMILPS  $0xb1, v, V15; \
	VADDPS     V15, v, v

#define HMAX(v) \
	VSHUFF32X4 $0x4e, v, v, V15; \
	VMAXPS     V15, v, v; \
	VSHUFF32X4 $0xb1, v, v, V15; \
	VMAXPS     V15, v, v; \
	VPERMILPS  $0x4e, v, V15; \
	VMAXPS     V15, v, v; \
	VPERMILPS  $0xb1, v, V15; \
	VMAXPS     V15, v, v

#include "vector_amd64.h"

// func reluAVX512(dst, x []float32)
TEXT ·reluAVX512(SB), NOSPLIT, $0-48
	UNARY(RELU_BODY)

// func relu6AVX512(dst, x []float32)
TEXT ·relu6AVX512(SB), NOSPLIT, $0-48
	CONSTANTS
	UNARY(RELU6_BODY)

// func geluAVX512(dst, x []float32)
TEXT ·geluAVX512(SB), NOSPLIT, $0-48
	CONSTANTS
	EXPLIMITS
	UNARY(GELU_BODY)

// func gatedAVX512(dst, x []float32, alpha, beta float32)
TEXT ·gatedAVX512(SB), NOSPLIT, $0-56
	VBROADCASTSS alpha+48(FP), V11
	VBROADCASTSS beta+52(FP), V12
	GATEDLIMITS
	UNARY(GATED_BODY)

// func tanhAVX512(dst, x []float32)
TEXT ·tanhAVX512(SB), NOSPLIT, $0-48
	CONSTANTS
	EXPLIMITS
	UNARY(TANH_BODY)

// func sigmoidAVX512(dst, x []float32)
TEXT ·sigmoidAVX512(SB), NOSPLIT, $0-48
	CONSTANTS
	EXPLIMITS
	UNARY(SIGMOID_BODY)

// func geluSlopeAVX512(dx, dy, x []float32)
TEXT ·geluSlopeAVX512(SB), NOSPLIT, $0-72
	CONSTANTS
	EXPLIMITS
	SLOPE(GELU_SLOPE)

// func gatedSlopeAVX512(dx, dy, x []float32, alpha, beta float32)
TEXT ·gatedSlopeAVX512(SB), NOSPLIT, $0-80
	VBROADCASTSS alpha+72(FP), V11
	VBROADCASTSS beta+76(FP), V12
	GATEDLIMITS
	SLOPE(GATED_SLOPE)

// func tanhSlopeAVX512(dx, dy, x []float32)
TEXT ·tanhSlopeAVX512(SB), NOSPLIT, $0-72
	CONSTANTS
	EXPLIMITS
	SLOPE(TANH_SLOPE)

// func sigmoidSlopeAVX512(dx, dy, x []float32)
TEXT ·sigmoidSlopeAVX512(SB), NOSPLIT, $0-72
	CONSTANTS
	EXPLIMITS
	SLOPE(SIGMOID_SLOPE)

// func addAVX512(dst, a, b []float32)
TEXT ·addAVX512(SB), NOSPLIT, $0-72
	BINARY(ADD_BODY)

// func mulAVX512(dst, a, b []float32)
TEXT ·mulAVX512(SB), NOSPLIT, $0-72
	BINARY(MUL_BODY)

// func scaleAVX512(s float32, x []float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-32
	SCALEBY

// func axpyAVX512(alpha float32, x, y []float32)
TEXT ·axpyAVX512(SB), NOSPLIT, $0-56
	AXPY

// func dotAVX512(a, b []float32) float32
TEXT ·dotAVX512(SB), NOSPLIT, $0-52
	MOVQ a_base+0(FP), SI
	MOVQ a_len+8(FP), CX
	MOVQ b_base+24(FP), DX
	FOLD(DOT_STEP, DOT_TAIL, NEXT2)
	VMOVSS X0, ret+48(FP)
	VZEROUPPER
	RET

// func sumAVX512(x []float32) float32
TEXT ·sumAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	FOLD(SUM_STEP, SUM_TAIL, NEXT1)
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func spreadAVX512(x []float32, mean float32) float32
TEXT ·spreadAVX512(SB), NOSPLIT, $0-36
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	VBROADCASTSS mean+24(FP), V8
	FOLD(SPREAD_STEP, SPREAD_TAIL, NEXT1)
	VMOVSS X0, ret+32(FP)
	VZEROUPPER
	RET

// func squaresAVX512(sums *[8]float64, x []float32)
TEXT ·squaresAVX512(SB), NOSPLIT, $0-32
	SQUARES

// func rowMaxAVX512(x []float32) float32
TEXT ·rowMaxAVX512(SB), NOSPLIT, $0-28
	ROWMAX

// func expSumAVX512(dst, x []float32, shift float32) float32
TEXT ·expSumAVX512(SB), NOSPLIT, $0-60
	EXPSUM(EXPSTORE)

// func normAVX512(dst, x, w, b []float32, mean, rstd float32)
TEXT ·normAVX512(SB), NOSPLIT, $0-104
	NORM

// func normSlopeAVX512(dx, dy, x, w []float32, mean, rstd, a, b float32)
TEXT ·normSlopeAVX512(SB), NOSPLIT, $0-112
	NORMSLOPE

// func normSumsAVX512(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32)
TEXT ·normSumsAVX512(SB), NOSPLIT, $0-136
	NORMSUMS

// func adamWAVX512(o *adamStep, p, m, v, g []float32)
TEXT ·adamWAVX512(SB), NOSPLIT, $0-104
	ADAMW_LOOP
