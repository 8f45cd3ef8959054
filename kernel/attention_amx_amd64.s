//go:build amd64 && !purego

#include "textflag.h"
#include "tiles_amd64.h"

// A block of at most 32 rows times many panels, the tiles set up once: sums in 0–3, rows in 4 and 5, the halves of a panel in 6
// and 7, as in mulTiles.
//
// func tilePanels(acc *float32, accStep int, r unsafe.Pointer, rStride int, v *uint32, vStep, units, rows, cols int, shapes *[33][64]byte)
TEXT ·tilePanels(SB), NOSPLIT, $0-80
	MOVQ acc+0(FP), DI
	MOVQ r+16(FP), R8
	MOVQ rStride+24(FP), BX
	MOVQ v+32(FP), R9
	MOVQ rows+56(FP), R11
	MOVQ cols+64(FP), R10
	MOVQ $128, SI
	MOVQ shapes+72(FP), AX
	MOVQ R11, CX
	SHLQ $6, CX
	ADDQ CX, AX
	LDTILECFG_AX

panel:
	MOVQ R8, AX
	MOVQ BX, CX
	SHLQ $4, CX
	ADDQ R8, CX
	MOVQ R9, DX
	MOVQ units+48(FP), R12
	SHRQ $4, R12
	TILEZERO(0)
	TILEZERO(2)
	CMPQ R10, $16
	JLE  half
	TILEZERO(1)
	TILEZERO(3)
	CMPQ R11, $16
	JLE  top

loop:
	TILELOAD(4, AX_BX)
	TILELOADT1(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	TILELOADT1AT(7, DX_SI, 64)
	TDPBF16PS(1, 4, 7)
	TILELOAD(5, CX_BX)
	TDPBF16PS(2, 5, 6)
	TDPBF16PS(3, 5, 7)
	ADDQ $64, AX
	ADDQ $64, CX
	ADDQ $2048, DX
	DECQ R12
	JNZ  loop
	TILESTOREAT(0, DI_SI, 0)
	TILESTOREAT(1, DI_SI, 64)
	TILESTOREAT(2, DI_SI, 2048)
	TILESTOREAT(3, DI_SI, 2112)
	JMP  next

top:
	TILELOAD(4, AX_BX)
	TILELOADT1(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	TILELOADT1AT(7, DX_SI, 64)
	TDPBF16PS(1, 4, 7)
	ADDQ $64, AX
	ADDQ $2048, DX
	DECQ R12
	JNZ  top
	TILESTOREAT(0, DI_SI, 0)
	TILESTOREAT(1, DI_SI, 64)
	JMP  next

half:
	CMPQ R11, $16
	JLE  corner

left:
	TILELOAD(4, AX_BX)
	TILELOADT1(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	TILELOAD(5, CX_BX)
	TDPBF16PS(2, 5, 6)
	ADDQ $64, AX
	ADDQ $64, CX
	ADDQ $2048, DX
	DECQ R12
	JNZ  left
	TILESTOREAT(0, DI_SI, 0)
	TILESTOREAT(2, DI_SI, 2048)
	JMP  next

corner:
	TILELOAD(4, AX_BX)
	TILELOADT1(6, DX_SI)
	TDPBF16PS(0, 4, 6)
	ADDQ $64, AX
	ADDQ $2048, DX
	DECQ R12
	JNZ  corner
	TILESTOREAT(0, DI_SI, 0)

next:
	ADDQ accStep+8(FP), DI
	ADDQ vStep+40(FP), R9
	SUBQ $32, R10
	JGT  panel
	TILERELEASE
	RET
