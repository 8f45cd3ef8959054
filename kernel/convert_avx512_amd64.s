//go:build amd64 && !purego

#include "textflag.h"
#include "gemm_amd64.h"

// The rows to bf16, rounded to the nearest, ties to even. Each takes n elements, writes 16 lanes at a time, step bytes
// apart, and fills the last 16 up with zeros.

// TAIL sets K1 and K2 to the lanes of CX (1–31) f32 in two vectors, K3 to as many words.
#define TAIL \
	MOVQ $1, AX; \
	SHLQ CX, AX; \
	DECQ AX; \
	KMOVD AX, K3; \
	KMOVW AX, K1; \
	SHRQ $16, AX; \
	KMOVW AX, K2

// func f32ToBF16(dst *uint32, step int, src *byte, n int)
TEXT ·f32ToBF16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ step+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX

loop:
	SUBQ $32, CX
	JLT  tail
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)
	ADDQ $128, SI
	ADDQ DX, DI
	JMP  loop

tail:
	ADDQ $32, CX
	JZ   done
	TAIL
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)

done:
	VZEROUPPER
	RET

// func f16ToBF16(dst *uint32, step int, src *byte, n int)
TEXT ·f16ToBF16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ step+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX

loop:
	SUBQ $32, CX
	JLT  tail
	VCVTPH2PS (SI), Z0
	VCVTPH2PS 32(SI), Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)
	ADDQ $64, SI
	ADDQ DX, DI
	JMP  loop

tail:
	ADDQ $32, CX
	JZ   done
	TAIL
	VMOVDQU16.Z (SI), K3, Z2
	VEXTRACTI64X4 $1, Z2, Y3
	VCVTPH2PS Y2, Z0
	VCVTPH2PS Y3, Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)

done:
	VZEROUPPER
	RET

// func bf16ToBF16(dst *uint32, step int, src *byte, n int)
TEXT ·bf16ToBF16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ step+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX

loop:
	SUBQ $32, CX
	JLT  tail
	VMOVUPS (SI), Z0
	VMOVUPS Z0, (DI)
	ADDQ $64, SI
	ADDQ DX, DI
	JMP  loop

tail:
	ADDQ $32, CX
	JZ   done
	TAIL
	VMOVDQU16.Z (SI), K3, Z0
	VMOVUPS Z0, (DI)

done:
	VZEROUPPER
	RET

// func q8ToBF16(dst *uint32, step int, src *byte, n int)
TEXT ·q8ToBF16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ step+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX

block:
	VPBROADCASTW (SI), Y2
	VCVTPH2PS Y2, Z2
	VPMOVSXBD 2(SI), Z0
	VPMOVSXBD 18(SI), Z1
	VCVTDQ2PS Z0, Z0
	VCVTDQ2PS Z1, Z1
	VMULPS Z2, Z0, Z0
	VMULPS Z2, Z1, Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)
	ADDQ $34, SI
	ADDQ DX, DI
	SUBQ $32, CX
	JGT  block
	VZEROUPPER
	RET

DATA lowNibble<>+0(SB)/4, $15
DATA lowNibble<>+4(SB)/4, $8
GLOBL lowNibble<>(SB), RODATA|NOPTR, $8

// func q40ToBF16(dst *uint32, step int, src *byte, n int)
TEXT ·q40ToBF16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ step+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	VPBROADCASTD lowNibble<>+0(SB), Z4
	VPBROADCASTD lowNibble<>+4(SB), Z5

block:
	VPBROADCASTW (SI), Y2
	VCVTPH2PS Y2, Z2
	VPMOVZXBD 2(SI), Z0
	VPSRLD $4, Z0, Z1
	VPANDD Z4, Z0, Z0
	VPSUBD Z5, Z0, Z0
	VPSUBD Z5, Z1, Z1
	VCVTDQ2PS Z0, Z0
	VCVTDQ2PS Z1, Z1
	VMULPS Z2, Z0, Z0
	VMULPS Z2, Z1, Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)
	ADDQ $18, SI
	ADDQ DX, DI
	SUBQ $32, CX
	JGT  block
	VZEROUPPER
	RET

// func q41ToBF16(dst *uint32, step int, src *byte, n int)
TEXT ·q41ToBF16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ step+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	VPBROADCASTD lowNibble<>+0(SB), Z4

block:
	VPBROADCASTW (SI), Y2
	VCVTPH2PS Y2, Z2
	VPBROADCASTW 2(SI), Y3
	VCVTPH2PS Y3, Z3
	VPMOVZXBD 4(SI), Z0
	VPSRLD $4, Z0, Z1
	VPANDD Z4, Z0, Z0
	VCVTDQ2PS Z0, Z0
	VCVTDQ2PS Z1, Z1
	VFMADD213PS Z3, Z2, Z0
	VFMADD213PS Z3, Z2, Z1
	CVTNE2PS2BF16(0, 1, 0)
	VMOVUPS Z0, (DI)
	ADDQ $20, SI
	ADDQ DX, DI
	SUBQ $32, CX
	JGT  block
	VZEROUPPER
	RET
