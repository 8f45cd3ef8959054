//go:build amd64 && !purego

#include "textflag.h"
#include "tiles_amd64.h"
#include "ahead_amd64.h"

// Tiles: sums in 0–3, R's rows in 4 and 5, the two halves of V's panel in 6 and 7.
//
//	tmm0 += tmm4·tmm6   tmm1 += tmm4·tmm7
//	tmm2 += tmm5·tmm6   tmm3 += tmm5·tmm7
//
// R's tiles are loaded from AX and CX, BX bytes a row; V's from DX, the sums from DI, both SI = 128 bytes a row. A panel of V
// stays in the first-level cache while the rows of R pass by.

// func mulTiles(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead, shapes *[33][64]byte)
TEXT ·mulTiles(SB), NOSPLIT, $0-96
	MOVQ acc+0(FP), DI
	MOVQ r_p+8(FP), R8
	MOVQ r_row+16(FP), BX
	MOVQ rows+56(FP), R9
	MOVQ $128, SI
	MOVQ shapes+88(FP), R10
	MOVQ ahead+80(FP), R15
	MOVQ $-1, R11 // rows that the tiles are set up for

group:
	MOVQ R9, AX
	MOVQ $32, CX
	CMPQ AX, CX
	CMOVQGT CX, AX
	CMPQ AX, R11
	JEQ  shaped
	MOVQ AX, R11
	SHLQ $6, AX
	ADDQ R10, AX
	LDTILECFG_AX

shaped:
	MOVQ R8, AX
	MOVQ BX, CX
	SHLQ $4, CX
	ADDQ R8, CX
	MOVQ v+40(FP), DX
	MOVQ units+48(FP), R12
	SHRQ $4, R12
	CMPQ R11, $16
	JLE  one
	CMPQ cols+64(FP), $16
	JLE  two1

	// two tiles of rows, two of columns
	CMPB first+72(FP), $0
	JNE  zero22
	TILELOADAT(0, DI_SI, 0)
	TILELOADAT(1, DI_SI, 64)
	TILELOADAT(2, DI_SI, 2048)
	TILELOADAT(3, DI_SI, 2112)
	JMP  loop22

zero22:
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)

loop22:
	TILELOADT1(4, AX_BX)
	TILELOAD(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	TILELOADAT(7, DX_SI, 64)
	TDPBF16PS(1, 4, 7)
	TILELOADT1(5, CX_BX)
	TDPBF16PS(2, 5, 6)
	TDPBF16PS(3, 5, 7)
	ADDQ r_step+24(FP), AX
	ADDQ r_step+24(FP), CX
	ADDQ $2048, DX
	AHEADFIRST(R13, 40, moreR22, doneR22)
	AHEADFIRST(R13, 80, moreV22, doneV22)
	AHEADFIRST(R13, 80, moreW22, doneW22)
	DECQ R12
	JNZ  loop22
	TILESTOREAT(0, DI_SI, 0)
	TILESTOREAT(1, DI_SI, 64)
	TILESTOREAT(2, DI_SI, 2048)
	TILESTOREAT(3, DI_SI, 2112)
	JMP  next

two1:
	CMPB first+72(FP), $0
	JNE  zero21
	TILELOADAT(0, DI_SI, 0)
	TILELOADAT(2, DI_SI, 2048)
	JMP  loop21

zero21:
	TILEZERO(0)
	TILEZERO(2)

loop21:
	TILELOADT1(4, AX_BX)
	TILELOAD(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	TILELOADT1(5, CX_BX)
	TDPBF16PS(2, 5, 6)
	ADDQ r_step+24(FP), AX
	ADDQ r_step+24(FP), CX
	ADDQ $2048, DX
	AHEADFIRST(R13, 40, moreR21, doneR21)
	AHEADFIRST(R13, 80, moreV21, doneV21)
	AHEADFIRST(R13, 80, moreW21, doneW21)
	DECQ R12
	JNZ  loop21
	TILESTOREAT(0, DI_SI, 0)
	TILESTOREAT(2, DI_SI, 2048)
	JMP  next

one:
	CMPQ cols+64(FP), $16
	JLE  one1
	CMPB first+72(FP), $0
	JNE  zero12
	TILELOADAT(0, DI_SI, 0)
	TILELOADAT(1, DI_SI, 64)
	JMP  loop12

zero12:
	TILEZERO(0)
	TILEZERO(1)

loop12:
	TILELOADT1(4, AX_BX)
	TILELOAD(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	TILELOADAT(7, DX_SI, 64)
	TDPBF16PS(1, 4, 7)
	ADDQ r_step+24(FP), AX
	ADDQ $2048, DX
	DECQ R12
	JNZ  loop12
	TILESTOREAT(0, DI_SI, 0)
	TILESTOREAT(1, DI_SI, 64)
	JMP  next

one1:
	CMPB first+72(FP), $0
	JNE  zero11
	TILELOADAT(0, DI_SI, 0)
	JMP  loop11

zero11:
	TILEZERO(0)

loop11:
	TILELOADT1(4, AX_BX)
	TILELOAD(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	ADDQ r_step+24(FP), AX
	ADDQ $2048, DX
	DECQ R12
	JNZ  loop11
	TILESTOREAT(0, DI_SI, 0)

next:
	ADDQ $4096, DI
	ADDQ r_group+32(FP), R8
	SUBQ $32, R9
	JGT  group
	TILERELEASE
	RET
