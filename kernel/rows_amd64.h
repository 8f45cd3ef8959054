// Products of four stored rows with one row of inputs: func(sums *[4]float32, w *[4]unsafe.Pointer, x unsafe.Pointer, k int).
// The rows are streams that the memory delivers side by side; each is prefetched PREFETCH bytes ahead.
//
// A family's file defines V0…V15, VBYTES, LANES and HSUM as for vector_amd64.h.

#define PREFETCH 1024

#define ROWARGS \
	MOVQ w+8(FP), AX; \
	MOVQ 0(AX), SI; \
	MOVQ 8(AX), DI; \
	MOVQ 16(AX), R12; \
	MOVQ 24(AX), R13; \
	MOVQ x+16(FP), BX; \
	MOVQ k+24(FP), CX; \
	XORL DX, DX; \
	VXORPS V0, V0, V0; \
	VXORPS V1, V1, V1; \
	VXORPS V2, V2, V2; \
	VXORPS V3, V3, V3

#define ROWSUMS \
	MOVQ sums+0(FP), AX; \
	HSUM(V0); \
	HSUM(V1); \
	HSUM(V2); \
	HSUM(V3); \
	VMOVSS X0, 0(AX); \
	VMOVSS X1, 4(AX); \
	VMOVSS X2, 8(AX); \
	VMOVSS X3, 12(AX); \
	VZEROUPPER; \
	RET

// ROWS is the loop over k elements of SIZE bytes: WIDEN(mem, v) reads LANES of them as float32.
#define ROWS(WIDEN, SIZE) \
	ROWARGS; \
loop: \
	SUBQ $LANES, CX; \
	JLT  done; \
	VMOVUPS (BX), V4; \
	WIDEN((SI)(DX*1), V5); \
	VFMADD231PS V5, V4, V0; \
	PREFETCHT0 PREFETCH(SI)(DX*1); \
	WIDEN((DI)(DX*1), V6); \
	VFMADD231PS V6, V4, V1; \
	PREFETCHT0 PREFETCH(DI)(DX*1); \
	WIDEN((R12)(DX*1), V7); \
	VFMADD231PS V7, V4, V2; \
	PREFETCHT0 PREFETCH(R12)(DX*1); \
	WIDEN((R13)(DX*1), V8); \
	VFMADD231PS V8, V4, V3; \
	PREFETCHT0 PREFETCH(R13)(DX*1); \
	ADDQ $VBYTES, BX; \
	ADDQ $(SIZE*LANES), DX; \
	JMP  loop; \
done: \
	ROWSUMS

// BLOCKROWS is the loop over k elements in blocks of 32 in SIZE bytes: STEP(p, acc) adds the products of the block at p with
// the inputs at (BX) to acc.
#define BLOCKROWS(STEP, SIZE) \
	ROWARGS; \
loop: \
	SUBQ $32, CX; \
	JLT  done; \
	STEP(SI, V0); \
	STEP(DI, V1); \
	STEP(R12, V2); \
	STEP(R13, V3); \
	ADDQ $128, BX; \
	ADDQ $SIZE, SI; \
	ADDQ $SIZE, DI; \
	ADDQ $SIZE, R12; \
	ADDQ $SIZE, R13; \
	JMP  loop; \
done: \
	ROWSUMS

#define WIDEN_F32(mem, v) \
	VMOVUPS mem, v

#define WIDEN_F16(mem, v) \
	VCVTPH2PS mem, v

#define WIDEN_BF16(mem, v) \
	VPMOVZXWD mem, v; \
	VPSLLD $16, v, v
