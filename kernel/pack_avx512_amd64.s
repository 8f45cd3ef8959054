//go:build amd64 && !purego

#include "textflag.h"
#include "gemm_amd64.h"

// even·odd interleaves the two halves of a vector of words: word i of the low half before word i of the high half.
DATA zipWords<>+0(SB)/8, $0x0011000100100000
DATA zipWords<>+8(SB)/8, $0x0013000300120002
DATA zipWords<>+16(SB)/8, $0x0015000500140004
DATA zipWords<>+24(SB)/8, $0x0017000700160006
DATA zipWords<>+32(SB)/8, $0x0019000900180008
DATA zipWords<>+40(SB)/8, $0x001B000B001A000A
DATA zipWords<>+48(SB)/8, $0x001D000D001C000C
DATA zipWords<>+56(SB)/8, $0x001F000F001E000E
GLOBL zipWords<>(SB), RODATA|NOPTR, $64

// zipLow and zipHigh interleave words 0–15, and 16–31, of two vectors.
DATA zipLow<>+0(SB)/8, $0x0021000100200000
DATA zipLow<>+8(SB)/8, $0x0023000300220002
DATA zipLow<>+16(SB)/8, $0x0025000500240004
DATA zipLow<>+24(SB)/8, $0x0027000700260006
DATA zipLow<>+32(SB)/8, $0x0029000900280008
DATA zipLow<>+40(SB)/8, $0x002B000B002A000A
DATA zipLow<>+48(SB)/8, $0x002D000D002C000C
DATA zipLow<>+56(SB)/8, $0x002F000F002E000E
GLOBL zipLow<>(SB), RODATA|NOPTR, $64
DATA zipHigh<>+0(SB)/8, $0x0031001100300010
DATA zipHigh<>+8(SB)/8, $0x0033001300320012
DATA zipHigh<>+16(SB)/8, $0x0035001500340014
DATA zipHigh<>+24(SB)/8, $0x0037001700360016
DATA zipHigh<>+32(SB)/8, $0x0039001900380018
DATA zipHigh<>+40(SB)/8, $0x003B001B003A001A
DATA zipHigh<>+48(SB)/8, $0x003D001D003C001C
DATA zipHigh<>+56(SB)/8, $0x003F001F003E001E
GLOBL zipHigh<>(SB), RODATA|NOPTR, $64

// AHEAD sets R9, R10, R11 to 3, 5 and 7 times the stride in R8 and R12 to p + 8 strides.
#define AHEAD(p) \
	LEAQ (R8)(R8*2), R9; \
	LEAQ (R8)(R8*4), R10; \
	LEAQ (R9)(R8*4), R11; \
	LEAQ (p)(R8*8), R12

// EACH16 does OP(memory, register) for 16 rows from p on.
#define EACH16(OP, p) \
	OP((p), Z0); OP((p)(R8*1), Z1); OP((p)(R8*2), Z2); OP((p)(R9*1), Z3); \
	OP((p)(R8*4), Z4); OP((p)(R10*1), Z5); OP((p)(R9*2), Z6); OP((p)(R11*1), Z7); \
	OP((R12), Z8); OP((R12)(R8*1), Z9); OP((R12)(R8*2), Z10); OP((R12)(R9*1), Z11); \
	OP((R12)(R8*4), Z12); OP((R12)(R10*1), Z13); OP((R12)(R9*2), Z14); OP((R12)(R11*1), Z15)

#define LOADWORDS(m, z) VMOVDQU16.Z m, K1, z
#define LOADLANES(m, z) VMOVUPS m, z
#define STORELANES(m, z) VMOVDQU32 z, m

// func transposeAVX512(dst *uint32, dstStride int, src *byte, srcStride, words int)
TEXT ·transposeAVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), R13
	MOVQ src+16(FP), SI
	MOVQ srcStride+24(FP), DX
	MOVQ words+32(FP), CX
	MOVL $-1, AX
	KMOVD AX, K1

square:
	SUBQ $32, CX
	JGE  full
	CMPQ CX, $-32
	JLE  done
	ADDQ $32, CX
	MOVL $1, AX
	SHLL CX, AX
	DECL AX
	KMOVD AX, K1
	XORL CX, CX

full:
	MOVQ DX, R8
	AHEAD(SI)
	EACH16(LOADWORDS, SI)
	TRANSPOSE
	MOVQ R13, R8
	AHEAD(DI)
	EACH16(STORELANES, DI)
	ADDQ $64, SI
	SHLQ $4, R8
	ADDQ R8, DI
	TESTQ CX, CX
	JNZ  square

done:
	VZEROUPPER
	RET

// MASKS sets K1 and K2 to the first cols lanes of a row of 32.
#define MASKS(cols) \
	MOVQ $1, AX; \
	MOVQ cols, CX; \
	SHLQ CX, AX; \
	DECQ AX; \
	KMOVW AX, K1; \
	SHRQ $16, AX; \
	KMOVW AX, K2

// func storeAVX512(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool)
TEXT ·storeAVX512(SB), NOSPLIT, $0-57
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), R8
	SHLQ $2, R8
	MOVQ acc+16(FP), SI
	MOVQ rows+24(FP), DX
	MASKS(cols+32(FP))
	VBROADCASTSS scale+40(FP), Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	MOVQ bias+48(FP), BX
	TESTQ BX, BX
	JZ   nobias
	VMOVUPS.Z (BX), K1, Z3
	VMOVUPS.Z 64(BX), K2, Z4

nobias:
	CMPB add+56(FP), $0
	JNE  addrow

row:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VFMADD213PS Z3, Z2, Z0
	VFMADD213PS Z4, Z2, Z1
	VMOVUPS Z0, K1, (DI)
	VMOVUPS Z1, K2, 64(DI)
	ADDQ $128, SI
	ADDQ R8, DI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET

addrow:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VFMADD213PS Z3, Z2, Z0
	VFMADD213PS Z4, Z2, Z1
	VMOVUPS.Z (DI), K1, Z5
	VMOVUPS.Z 64(DI), K2, Z6
	VADDPS Z0, Z5, Z0
	VADDPS Z1, Z6, Z1
	VMOVUPS Z0, K1, (DI)
	VMOVUPS Z1, K2, 64(DI)
	ADDQ $128, SI
	ADDQ R8, DI
	DECQ DX
	JNZ  addrow
	VZEROUPPER
	RET

// streamAVX512 is storeAVX512 of 32 columns past the caches, for a C that does not fit them; C and its rows are aligned to 64.
//
// func streamAVX512(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32)
TEXT ·streamAVX512(SB), NOSPLIT, $0-48
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), R8
	SHLQ $2, R8
	MOVQ acc+16(FP), SI
	MOVQ rows+24(FP), DX
	VBROADCASTSS scale+32(FP), Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	MOVQ bias+40(FP), BX
	TESTQ BX, BX
	JZ   row
	VMOVUPS (BX), Z3
	VMOVUPS 64(BX), Z4

row:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VFMADD213PS Z3, Z2, Z0
	VFMADD213PS Z4, Z2, Z1
	VMOVNTPS Z0, (DI)
	VMOVNTPS Z1, 64(DI)
	ADDQ $128, SI
	ADDQ R8, DI
	DECQ DX
	JNZ  row
	SFENCE
	VZEROUPPER
	RET

#define FINISH(z) VFMADD213PS Z17, Z16, z
#define PUT(z) VMOVUPS z, K1, (DI); ADDQ R13, DI; DECQ DX; JZ half
#define ADDPUT(z) VMOVUPS.Z (DI), K1, Z18; VADDPS z, Z18, z; PUT(z)

#define ALL16(OP) \
	OP(Z0); OP(Z1); OP(Z2); OP(Z3); OP(Z4); OP(Z5); OP(Z6); OP(Z7); \
	OP(Z8); OP(Z9); OP(Z10); OP(Z11); OP(Z12); OP(Z13); OP(Z14); OP(Z15)

// A step is 16 rows of sums: both halves of 16 columns are transposed and become columns of C.
//
// func storeTAVX512(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool)
TEXT ·storeTAVX512(SB), NOSPLIT, $0-57
	MOVQ c+0(FP), R15
	MOVQ ldc+8(FP), R13
	SHLQ $2, R13
	MOVQ acc+16(FP), SI
	MOVQ rows+24(FP), BX

step:
	MOVL $-1, AX
	MOVQ BX, CX
	CMPQ BX, $16
	JGE  whole
	MOVL $1, AX
	SHLL CX, AX
	DECL AX

whole:
	KMOVW AX, K1
	MOVQ R15, DI
	MOVQ cols+32(FP), CX // columns still to come
	MOVQ SI, AX

sixteen:
	MOVQ $128, R8
	AHEAD(AX)
	EACH16(LOADLANES, AX)
	TRANSPOSE
	VBROADCASTSS scale+40(FP), Z16
	VPXORD Z17, Z17, Z17
	MOVQ bias+48(FP), R8
	TESTQ R8, R8
	JZ   finish
	VMOVUPS.Z (R8), K1, Z17

finish:
	ALL16(FINISH)
	MOVQ $16, DX
	CMPQ CX, DX
	CMOVQLT CX, DX
	CMPB add+56(FP), $0
	JNE  adding
	ALL16(PUT)

adding:
	ALL16(ADDPUT)

half:
	ADDQ $64, AX
	SUBQ $16, CX
	JGT  sixteen

	ADDQ $2048, SI
	ADDQ $64, R15
	MOVQ bias+48(FP), R8
	TESTQ R8, R8
	JZ   next
	ADDQ $64, R8
	MOVQ R8, bias+48(FP)

next:
	SUBQ $16, BX
	JGT  step
	VZEROUPPER
	RET

// func zip32F32AVX512(dst *uint32, src *byte, stride, k, cols int): lanes of one f32
TEXT ·zip32F32AVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ k+24(FP), DX
	MASKS(cols+32(FP))

row:
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	ADDQ R8, SI
	ADDQ $128, DI
	DECQ DX
	JNZ  row
	VZEROUPPER
	RET

// func zip32PairsAVX512(dst *uint32, src *byte, stride, k, cols int): lanes of two bf16, from f32
TEXT ·zip32PairsAVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ k+24(FP), DX
	MASKS(cols+32(FP))
	VMOVDQU16 zipWords<>(SB), Z8

pair:
	SUBQ $2, DX
	JLT  last
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	VMOVUPS.Z (SI)(R8*1), K1, Z2
	VMOVUPS.Z 64(SI)(R8*1), K2, Z3
	CVTNE2PS2BF16(4, 2, 0)
	CVTNE2PS2BF16(5, 3, 1)
	VPERMW Z4, Z8, Z4
	VPERMW Z5, Z8, Z5
	VMOVUPS Z4, (DI)
	VMOVUPS Z5, 64(DI)
	LEAQ (SI)(R8*2), SI
	ADDQ $128, DI
	JMP  pair

last:
	CMPQ DX, $-1
	JNE  done
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	VPXORD Z2, Z2, Z2
	CVTNE2PS2BF16(4, 2, 0)
	CVTNE2PS2BF16(5, 2, 1)
	VPERMW Z4, Z8, Z4
	VPERMW Z5, Z8, Z5
	VMOVUPS Z4, (DI)
	VMOVUPS Z5, 64(DI)

done:
	VZEROUPPER
	RET

// func zip32BF16AVX512(dst *uint32, src *byte, stride, k, cols int): lanes of two bf16, from bf16
TEXT ·zip32BF16AVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ k+24(FP), DX
	MOVQ cols+32(FP), CX
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX
	KMOVD AX, K1
	VMOVDQU16 zipLow<>(SB), Z8
	VMOVDQU16 zipHigh<>(SB), Z9

pair:
	SUBQ $2, DX
	JLT  last
	VMOVDQU16.Z (SI), K1, Z0
	VMOVDQU16.Z (SI)(R8*1), K1, Z1
	VMOVDQA64 Z0, Z2
	VPERMT2W Z1, Z8, Z0
	VPERMT2W Z1, Z9, Z2
	VMOVUPS Z0, (DI)
	VMOVUPS Z2, 64(DI)
	LEAQ (SI)(R8*2), SI
	ADDQ $128, DI
	JMP  pair

last:
	CMPQ DX, $-1
	JNE  done
	VMOVDQU16.Z (SI), K1, Z0
	VPXORD Z1, Z1, Z1
	VMOVDQA64 Z0, Z2
	VPERMT2W Z1, Z8, Z0
	VPERMT2W Z1, Z9, Z2
	VMOVUPS Z0, (DI)
	VMOVUPS Z2, 64(DI)

done:
	VZEROUPPER
	RET
