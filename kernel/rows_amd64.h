// Products of stored rows with one row of inputs, four rows at a time:
// func(sums *float32, w unsafe.Pointer, stride, far, rows int, x unsafe.Pointer, k, ahead int).
// The four rows stand far bytes apart and are streams that the memory delivers side by side; R8 bytes ahead of each it is asked for
// what will be needed: into all caches (T0), as Intel’s processors fetch at half the rate what is to pass them by (NTA).
//
// A family's file defines V0…V15, VBYTES and LANES, and TRANSPOSEDSUMS, which makes X0 the sums of the lanes of V0…V3; V4…V7 are
// free.

// FIRSTGROUP is before the loop over groups: R15 is how far apart the sums of a group's rows stand.
#define FIRSTGROUP \
	MOVQ rows+32(FP), R15

// NEXTGROUP begins the next group of rows: SI, DI, R12 and R13 point to them, BX to the inputs, CX is k.
#define NEXTGROUP \
	MOVQ w+8(FP), SI; \
	MOVQ far+24(FP), DX; \
	LEAQ (SI)(DX*1), DI; \
	LEAQ (SI)(DX*2), R12; \
	LEAQ (DI)(DX*2), R13; \
	MOVQ stride+16(FP), AX; \
	ADDQ AX, w+8(FP); \
	MOVQ x+40(FP), BX; \
	MOVQ k+48(FP), CX; \
	MOVQ ahead+56(FP), R8; \
	VXORPS V0, V0, V0; \
	VXORPS V1, V1, V1; \
	VXORPS V2, V2, V2; \
	VXORPS V3, V3, V3

// ENDGROUP stores a group's sums and goes on to the next.
#define ENDGROUP \
	TRANSPOSEDSUMS; \
	MOVQ sums+0(FP), AX; \
	LEAQ (AX)(R15*8), DX; \
	VMOVSS X0, (AX); \
	VEXTRACTPS $1, X0, (AX)(R15*4); \
	VEXTRACTPS $2, X0, (DX); \
	VEXTRACTPS $3, X0, (DX)(R15*4); \
	ADDQ $4, sums+0(FP); \
	DECQ rows+32(FP); \
	JNZ  group; \
	VZEROUPPER; \
	RET

// ROWS is the loop over k elements of SIZE bytes: WIDEN(mem, v) reads LANES of them as float32.
#define ROWS(WIDEN, SIZE) \
	FIRSTGROUP; \
group: \
	NEXTGROUP; \
	XORL DX, DX; \
loop: \
	SUBQ $LANES, CX; \
	JLT  done; \
	VMOVUPS (BX), V4; \
	WIDEN((SI)(DX*1), V5); \
	VFMADD231PS V5, V4, V0; \
	PREFETCHT0 (SI)(R8*1); \
	WIDEN((DI)(DX*1), V6); \
	VFMADD231PS V6, V4, V1; \
	PREFETCHT0 (DI)(R8*1); \
	WIDEN((R12)(DX*1), V7); \
	VFMADD231PS V7, V4, V2; \
	PREFETCHT0 (R12)(R8*1); \
	WIDEN((R13)(DX*1), V8); \
	VFMADD231PS V8, V4, V3; \
	PREFETCHT0 (R13)(R8*1); \
	ADDQ $VBYTES, BX; \
	ADDQ $(SIZE*LANES), DX; \
	ADDQ $(SIZE*LANES), R8; \
	JMP  loop; \
done: \
	ENDGROUP

// BLOCKROWS is the loop over k elements in blocks of 32 in SIZE bytes: STEP(p, acc) adds the products of the block at p with
// the inputs at (BX), 128 bytes that LOAD may have read before, to acc.
#define BLOCKROWS(LOAD, STEP, SIZE) \
	FIRSTGROUP; \
group: \
	NEXTGROUP; \
loop: \
	SUBQ $32, CX; \
	JLT  done; \
	LOAD; \
	STEP(SI, V0); \
	PREFETCHT0 (SI)(R8*1); \
	STEP(DI, V1); \
	PREFETCHT0 (DI)(R8*1); \
	STEP(R12, V2); \
	PREFETCHT0 (R12)(R8*1); \
	STEP(R13, V3); \
	PREFETCHT0 (R13)(R8*1); \
	ADDQ $128, BX; \
	ADDQ $SIZE, SI; \
	ADDQ $SIZE, DI; \
	ADDQ $SIZE, R12; \
	ADDQ $SIZE, R13; \
	JMP  loop; \
done: \
	ENDGROUP

#define NOLOAD

#define WIDEN_F32(mem, v) \
	VMOVUPS mem, v

#define WIDEN_F16(mem, v) \
	VCVTPH2PS mem, v

#define WIDEN_BF16(mem, v) \
	VPMOVZXWD mem, v; \
	VPSLLD $16, v, v

// MIX is func(out, p *float32, v unsafe.Pointer, stride, n, cols int): out[c] += Σ_i p[i]·v[i][c], WIDEN as for ROWS; four vectors of
// columns at a time, then one.
#define MIX(WIDEN, SIZE) \
	MOVQ out+0(FP), DI; \
	MOVQ v+16(FP), SI; \
	MOVQ stride+24(FP), BX; \
	MOVQ cols+40(FP), R8; \
four: \
	SUBQ $(4*LANES), R8; \
	JLT  rest; \
	VMOVUPS (DI), V0; \
	VMOVUPS VBYTES(DI), V1; \
	VMOVUPS (2*VBYTES)(DI), V2; \
	VMOVUPS (3*VBYTES)(DI), V3; \
	MOVQ SI, R9; \
	MOVQ p+8(FP), DX; \
	MOVQ n+32(FP), CX; \
row: \
	VBROADCASTSS (DX), V4; \
	WIDEN((R9), V5); \
	VFMADD231PS V5, V4, V0; \
	WIDEN((SIZE*LANES)(R9), V6); \
	VFMADD231PS V6, V4, V1; \
	WIDEN((2*SIZE*LANES)(R9), V7); \
	VFMADD231PS V7, V4, V2; \
	WIDEN((3*SIZE*LANES)(R9), V8); \
	VFMADD231PS V8, V4, V3; \
	PREFETCHT0 (R9)(BX*8); \
	ADDQ $4, DX; \
	ADDQ BX, R9; \
	DECQ CX; \
	JNZ  row; \
	VMOVUPS V0, (DI); \
	VMOVUPS V1, VBYTES(DI); \
	VMOVUPS V2, (2*VBYTES)(DI); \
	VMOVUPS V3, (3*VBYTES)(DI); \
	ADDQ $(4*VBYTES), DI; \
	ADDQ $(4*SIZE*LANES), SI; \
	JMP  four; \
rest: \
	ADDQ $(4*LANES), R8; \
one: \
	SUBQ $LANES, R8; \
	JLT  done; \
	VMOVUPS (DI), V0; \
	MOVQ SI, R9; \
	MOVQ p+8(FP), DX; \
	MOVQ n+32(FP), CX; \
row1: \
	VBROADCASTSS (DX), V4; \
	WIDEN((R9), V5); \
	VFMADD231PS V5, V4, V0; \
	ADDQ $4, DX; \
	ADDQ BX, R9; \
	DECQ CX; \
	JNZ  row1; \
	VMOVUPS V0, (DI); \
	ADDQ $VBYTES, DI; \
	ADDQ $(SIZE*LANES), SI; \
	JMP  one; \
done: \
	VZEROUPPER; \
	RET
