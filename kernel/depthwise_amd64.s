// The depthwise convolution for AVX2 and AVX-512: Depthwise.generic, with the product and the sum of a tap rounded once.
//
// A block of four vectors of channels goes over all places before the next one does, so that its weights stay in the first
// cache; its sums stay in registers over all taps. DI result, SI input, DX weights, R8 bias, R9 and R10 the taps' begin and
// end, R11 channels in bytes, BX the block's first channel in bytes, CX the places left, R15 the step in bytes.

#include "textflag.h"

// TAP points R12 and R13 to a tap's pixel and weights.
#define TAP \
	MOVQ (AX), R12; \
	MOVQ 8(AX), R13; \
	LEAQ (SI)(R12*4), R12; \
	LEAQ (DX)(R13*4), R13

#define ARGUMENTS \
	MOVQ weight+16(FP), DX; \
	MOVQ bias+24(FP), R8; \
	MOVQ taps+32(FP), R9; \
	MOVQ n+40(FP), R10; \
	SHLQ $4, R10; \
	ADDQ R9, R10; \
	MOVQ channels+48(FP), R11; \
	SHLQ $2, R11; \
	MOVQ step+64(FP), R15; \
	SHLQ $2, R15

#define FIRSTPLACE \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ places+56(FP), CX

// func depthwiseAVX512(dst, src, weight, bias *float32, taps *Tap, n, channels, places, step int, lo, hi float32)
TEXT ·depthwiseAVX512(SB), NOSPLIT, $0-80
	ARGUMENTS
	VBROADCASTSS lo+72(FP), Z30
	VBROADCASTSS hi+76(FP), Z31
	XORQ BX, BX

block:
	LEAQ 256(BX), AX
	CMPQ AX, R11
	JGT  rest
	FIRSTPLACE

blockPlace:
	VMOVUPS (R8)(BX*1), Z0
	VMOVUPS 64(R8)(BX*1), Z1
	VMOVUPS 128(R8)(BX*1), Z2
	VMOVUPS 192(R8)(BX*1), Z3
	MOVQ R9, AX

blockTap:
	TAP
	VMOVUPS (R12)(BX*1), Z4
	VMOVUPS 64(R12)(BX*1), Z5
	VMOVUPS 128(R12)(BX*1), Z6
	VMOVUPS 192(R12)(BX*1), Z7
	VFMADD231PS (R13)(BX*1), Z4, Z0
	VFMADD231PS 64(R13)(BX*1), Z5, Z1
	VFMADD231PS 128(R13)(BX*1), Z6, Z2
	VFMADD231PS 192(R13)(BX*1), Z7, Z3
	ADDQ $16, AX
	CMPQ AX, R10
	JNE  blockTap

	// The value comes first, so that a NaN stays one.
	VMAXPS Z0, Z30, Z0
	VMAXPS Z1, Z30, Z1
	VMAXPS Z2, Z30, Z2
	VMAXPS Z3, Z30, Z3
	VMINPS Z0, Z31, Z0
	VMINPS Z1, Z31, Z1
	VMINPS Z2, Z31, Z2
	VMINPS Z3, Z31, Z3
	VMOVUPS Z0, (DI)(BX*1)
	VMOVUPS Z1, 64(DI)(BX*1)
	VMOVUPS Z2, 128(DI)(BX*1)
	VMOVUPS Z3, 192(DI)(BX*1)
	ADDQ R11, DI
	ADDQ R15, SI
	DECQ CX
	JNZ  blockPlace
	ADDQ $256, BX
	JMP  block

rest:
	MOVQ  R11, CX
	SUBQ  BX, CX
	JLE   done
	SHRQ  $2, CX
	MOVL  $0xffff, AX
	CMPQ  CX, $16
	JGE   masked
	MOVL  $1, AX
	SHLL  CX, AX
	DECL  AX

masked:
	KMOVW AX, K1
	FIRSTPLACE

restPlace:
	VMOVUPS.Z (R8)(BX*1), K1, Z0
	MOVQ R9, AX

restTap:
	TAP
	VMOVUPS.Z (R12)(BX*1), K1, Z4
	VMOVUPS.Z (R13)(BX*1), K1, Z5
	VFMADD231PS Z5, Z4, Z0
	ADDQ $16, AX
	CMPQ AX, R10
	JNE  restTap
	VMAXPS Z0, Z30, Z0
	VMINPS Z0, Z31, Z0
	VMOVUPS Z0, K1, (DI)(BX*1)
	ADDQ R11, DI
	ADDQ R15, SI
	DECQ CX
	JNZ  restPlace
	ADDQ $64, BX
	JMP  rest

done:
	VZEROUPPER
	RET

// func depthwiseAVX2(dst, src, weight, bias *float32, taps *Tap, n, channels, places, step int, lo, hi float32)
TEXT ·depthwiseAVX2(SB), NOSPLIT, $0-80
	ARGUMENTS
	VBROADCASTSS lo+72(FP), Y14
	VBROADCASTSS hi+76(FP), Y15
	XORQ BX, BX

block:
	LEAQ 128(BX), AX
	CMPQ AX, R11
	JGT  rest
	FIRSTPLACE

blockPlace:
	VMOVUPS (R8)(BX*1), Y0
	VMOVUPS 32(R8)(BX*1), Y1
	VMOVUPS 64(R8)(BX*1), Y2
	VMOVUPS 96(R8)(BX*1), Y3
	MOVQ R9, AX

blockTap:
	TAP
	VMOVUPS (R12)(BX*1), Y4
	VMOVUPS 32(R12)(BX*1), Y5
	VMOVUPS 64(R12)(BX*1), Y6
	VMOVUPS 96(R12)(BX*1), Y7
	VFMADD231PS (R13)(BX*1), Y4, Y0
	VFMADD231PS 32(R13)(BX*1), Y5, Y1
	VFMADD231PS 64(R13)(BX*1), Y6, Y2
	VFMADD231PS 96(R13)(BX*1), Y7, Y3
	ADDQ $16, AX
	CMPQ AX, R10
	JNE  blockTap

	// The value comes first, so that a NaN stays one.
	VMAXPS Y0, Y14, Y0
	VMAXPS Y1, Y14, Y1
	VMAXPS Y2, Y14, Y2
	VMAXPS Y3, Y14, Y3
	VMINPS Y0, Y15, Y0
	VMINPS Y1, Y15, Y1
	VMINPS Y2, Y15, Y2
	VMINPS Y3, Y15, Y3
	VMOVUPS Y0, (DI)(BX*1)
	VMOVUPS Y1, 32(DI)(BX*1)
	VMOVUPS Y2, 64(DI)(BX*1)
	VMOVUPS Y3, 96(DI)(BX*1)
	ADDQ R11, DI
	ADDQ R15, SI
	DECQ CX
	JNZ  blockPlace
	ADDQ $128, BX
	JMP  block

rest:
	LEAQ 32(BX), AX
	CMPQ AX, R11
	JGT  single
	FIRSTPLACE

restPlace:
	VMOVUPS (R8)(BX*1), Y0
	MOVQ R9, AX

restTap:
	TAP
	VMOVUPS (R12)(BX*1), Y4
	VFMADD231PS (R13)(BX*1), Y4, Y0
	ADDQ $16, AX
	CMPQ AX, R10
	JNE  restTap
	VMAXPS Y0, Y14, Y0
	VMINPS Y0, Y15, Y0
	VMOVUPS Y0, (DI)(BX*1)
	ADDQ R11, DI
	ADDQ R15, SI
	DECQ CX
	JNZ  restPlace
	ADDQ $32, BX
	JMP  rest

single:
	CMPQ BX, R11
	JGE  done
	FIRSTPLACE

singlePlace:
	VMOVSS (R8)(BX*1), X0
	MOVQ R9, AX

singleTap:
	TAP
	VMOVSS (R12)(BX*1), X4
	VFMADD231SS (R13)(BX*1), X4, X0
	ADDQ $16, AX
	CMPQ AX, R10
	JNE  singleTap
	VMAXSS X0, X14, X0
	VMINSS X0, X15, X0
	VMOVSS X0, (DI)(BX*1)
	ADDQ R11, DI
	ADDQ R15, SI
	DECQ CX
	JNZ  singlePlace
	ADDQ $4, BX
	JMP  single

done:
	VZEROUPPER
	RET
