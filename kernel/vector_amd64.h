// What the elementwise loops of every amd64 family share. A family's file defines, before including this:
//
//	V0…V15            its vector registers
//	VBYTES, LANES     their size in bytes and in float32
//	FULLMASK          all lanes take part
//	TAILMASK          the first CX lanes take part (1 ≤ CX < LANES); AX and CX are free
//	LOADM(mem, v)     load the lanes that take part, the others 0
//	LOADMOR(mem,d,v)  … the others as in d
//	STOREM(v, mem)    store the lanes that take part
//	ROUND(v, dst)     to the nearest integer
//	SCALE2(n, p, t)   p *= 2^n for |n| ≤ 254, rounding once; t is free
//	SELNEG(s,a,b,dst) dst = a in the lanes where s has its sign bit, else b
//	HSUM(v)           lane 0 of v = the sum of its lanes; V15 is free
//	HMAX(v)           … the largest
//
// The whole loop runs under one mask, so that an element is computed alike wherever it lies in a row. R8 points to the
// constants (vectorConstants), each repeated over 64 bytes.

#define CONSTANTS \
	MOVQ ·vectorConstants(SB), R8

#define EXPLIMITS \
	VMOVUPS const_cExpMax(R8), V14; \
	VMOVUPS const_cExpMin(R8), V13

// EXP is p = exp(x) to about 1 ulp, with limits in V13 and V14; a NaN stays one. It spoils x and n.
// exp(x) = 2^n·exp(r), n = round(x/ln 2), |r| ≤ ln 2/2, a polynomial of degree 6.
#define EXP(x, n, p) \
	VMINPS x, V14, x; \
	VMAXPS x, V13, x; \
	VMULPS const_cLog2e(R8), x, n; \
	ROUND(n, n); \
	VFNMADD231PS const_cLn2Hi(R8), n, x; \
	VFNMADD231PS const_cLn2Lo(R8), n, x; \
	VMOVUPS const_cExp6(R8), p; \
	VFMADD213PS const_cExp5(R8), x, p; \
	VFMADD213PS const_cExp4(R8), x, p; \
	VFMADD213PS const_cExp3(R8), x, p; \
	VFMADD213PS const_cHalf(R8), x, p; \
	VFMADD213PS const_cOne(R8), x, p; \
	VFMADD213PS const_cOne(R8), x, p; \
	SCALE2(n, p, x)

// CLAMP is y = x held within ±10⁴, beyond which every gate is shut or open; a NaN stays one.
#define CLAMPLIMITS \
	VMOVUPS const_cGateMax(R8), V10; \
	VMOVUPS const_cGateMin(R8), V9

#define CLAMP(x, y) \
	VMINPS x, V10, y; \
	VMAXPS y, V9, y

// UNARY is func(dst, x []float32): V0 = x, BODY, dst = V0.
#define UNARY(BODY) \
	MOVQ dst_base+0(FP), DI; \
	MOVQ x_base+24(FP), SI; \
	MOVQ x_len+32(FP), CX; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI), V0); \
	BODY; \
	STOREM(V0, (DI)); \
	ADDQ $VBYTES, SI; \
	ADDQ $VBYTES, DI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// SLOPE is func(dx, dy, x []float32): V0 = x, BODY turns V0 into act'(x), dx += dy·V0.
#define SLOPE(BODY) \
	MOVQ dx_base+0(FP), DI; \
	MOVQ dy_base+24(FP), DX; \
	MOVQ x_base+48(FP), SI; \
	MOVQ x_len+56(FP), CX; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI), V0); \
	BODY; \
	LOADM((DX), V1); \
	LOADM((DI), V2); \
	VFMADD231PS V0, V1, V2; \
	STOREM(V2, (DI)); \
	ADDQ $VBYTES, SI; \
	ADDQ $VBYTES, DX; \
	ADDQ $VBYTES, DI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// BINARY is func(dst, a, b []float32): V0 = a, V1 = b, BODY, dst = V0.
#define BINARY(BODY) \
	MOVQ dst_base+0(FP), DI; \
	MOVQ a_base+24(FP), SI; \
	MOVQ a_len+32(FP), CX; \
	MOVQ b_base+48(FP), DX; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI), V0); \
	LOADM((DX), V1); \
	BODY; \
	STOREM(V0, (DI)); \
	ADDQ $VBYTES, SI; \
	ADDQ $VBYTES, DX; \
	ADDQ $VBYTES, DI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

#define RELU_BODY \
	VXORPS V1, V1, V1; \
	VMAXPS V0, V1, V0

#define RELU6_BODY \
	RELU_BODY; \
	VMOVUPS const_cSix(R8), V1; \
	VMINPS V0, V1, V0

// GATE is V3 = exp(−u), u = x·(α + β·x²), from y = CLAMP(x) in V1, which stays; −α in V11, −β in V12. V2 = x².
#define GATE \
	VMULPS V1, V1, V2; \
	VMOVUPS V12, V4; \
	VFMADD213PS V11, V2, V4; \
	VMULPS V1, V4, V4; \
	EXP(V4, V5, V3)

#define GATEDLIMITS \
	CONSTANTS; \
	EXPLIMITS; \
	CLAMPLIMITS; \
	VXORPS V0, V0, V0; \
	VSUBPS V11, V0, V11; \
	VSUBPS V12, V0, V12

// x·σ(u)
#define GATED_BODY \
	CLAMP(V0, V1); \
	GATE; \
	VADDPS const_cOne(R8), V3, V3; \
	VDIVPS V3, V0, V0

// s + x·u'·s·(1−s), s = σ(u) = 1/(1+e), 1−s = e·s with e held finite, u' = α + 3β·x²
#define GATED_SLOPE \
	CLAMP(V0, V1); \
	GATE; \
	VMINPS const_cHuge(R8), V3, V3; \
	VMOVUPS const_cOne(R8), V4; \
	VADDPS V4, V3, V0; \
	VDIVPS V0, V4, V0; \
	VMULPS V0, V3, V4; \
	VMULPS const_cThree(R8), V2, V2; \
	VFMADD213PS V11, V12, V2; \
	VMULPS V1, V2, V2; \
	VMULPS V0, V4, V4; \
	VFNMADD231PS V2, V4, V0

// σ(x)
#define SIGMOID_BODY \
	VXORPS V1, V1, V1; \
	VSUBPS V0, V1, V1; \
	EXP(V1, V2, V3); \
	VMOVUPS const_cOne(R8), V4; \
	VADDPS V4, V3, V3; \
	VDIVPS V3, V4, V0

// s·(1−s)
#define SIGMOID_SLOPE \
	SIGMOID_BODY; \
	VSUBPS V0, V4, V4; \
	VMULPS V4, V0, V0

// TANH: below 0.625 x + x³·p(x²), above 1 − 2/(1 + exp(2|x|)).
#define TANH_BODY \
	VANDPS const_cAbs(R8), V0, V6; \
	VADDPS V6, V6, V1; \
	EXP(V1, V2, V3); \
	VADDPS const_cOne(R8), V3, V3; \
	VMOVUPS const_cTwo(R8), V4; \
	VDIVPS V3, V4, V4; \
	VMOVUPS const_cOne(R8), V5; \
	VSUBPS V4, V5, V4; \
	VANDPS const_cSign(R8), V0, V5; \
	VORPS V5, V4, V4; \
	VMULPS V0, V0, V1; \
	VMOVUPS const_cTanh5(R8), V2; \
	VFMADD213PS const_cTanh4(R8), V1, V2; \
	VFMADD213PS const_cTanh3(R8), V1, V2; \
	VFMADD213PS const_cTanh2(R8), V1, V2; \
	VFMADD213PS const_cTanh1(R8), V1, V2; \
	VMULPS V0, V1, V1; \
	VFMADD213PS V0, V1, V2; \
	VSUBPS const_cTanhSplit(R8), V6, V6; \
	SELNEG(V6, V2, V4, V0)

// 1 − tanh²
#define TANH_SLOPE \
	TANH_BODY; \
	VMOVUPS const_cOne(R8), V1; \
	VFNMADD231PS V0, V0, V1; \
	VMOVUPS V1, V0

// PHI is V5 = Φ(x), the normal distribution, and V3 = exp(−x²/2), from x in V0, which stays.
// Φ(−|x|) = exp(−x²/2)·u·p(u), u = 1/(1 + 0.3·|x|), a polynomial of degree 7.
#define PHI \
	VMULPS V0, V0, V1; \
	VMULPS const_cMinusHalf(R8), V1, V1; \
	EXP(V1, V2, V3); \
	VANDPS const_cAbs(R8), V0, V1; \
	VMOVUPS const_cOne(R8), V4; \
	VMOVUPS V4, V2; \
	VFMADD231PS const_cPhiU(R8), V1, V2; \
	VDIVPS V2, V4, V1; \
	VMOVUPS const_cPhi8(R8), V2; \
	VFMADD213PS const_cPhi7(R8), V1, V2; \
	VFMADD213PS const_cPhi6(R8), V1, V2; \
	VFMADD213PS const_cPhi5(R8), V1, V2; \
	VFMADD213PS const_cPhi4(R8), V1, V2; \
	VFMADD213PS const_cPhi3(R8), V1, V2; \
	VFMADD213PS const_cPhi2(R8), V1, V2; \
	VFMADD213PS const_cPhi1(R8), V1, V2; \
	VMULPS V1, V2, V2; \
	VMULPS V3, V2, V2; \
	VSUBPS V2, V4, V4; \
	SELNEG(V0, V2, V4, V5)

// x·Φ(x)
#define GELU_BODY \
	PHI; \
	VMULPS V5, V0, V0

// Φ(x) + x·φ(x)
#define GELU_SLOPE \
	PHI; \
	VMULPS const_cInvSqrt2Pi(R8), V0, V1; \
	VFMADD213PS V5, V3, V1; \
	VMOVUPS V1, V0

#define ADD_BODY \
	VADDPS V1, V0, V0

#define MUL_BODY \
	VMULPS V1, V0, V0

// FOLD is the loop of a sum over CX elements: STEP(at, acc) adds the vector at byte offset at to acc, four accumulators
// V0…V3 at a time, then TAIL adds what is left to V0 under the mask. NEXT moves the pointers by n bytes.
#define FOLD(STEP, TAIL, NEXT) \
	VXORPS V0, V0, V0; \
	VXORPS V1, V1, V1; \
	VXORPS V2, V2, V2; \
	VXORPS V3, V3, V3; \
	SUBQ $(4*LANES), CX; \
	JLT  rest; \
four: \
	STEP(0*VBYTES, V0); \
	STEP(1*VBYTES, V1); \
	STEP(2*VBYTES, V2); \
	STEP(3*VBYTES, V3); \
	NEXT(4*VBYTES); \
	SUBQ $(4*LANES), CX; \
	JGE  four; \
rest: \
	ADDQ $(4*LANES), CX; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	TAIL; \
	NEXT(VBYTES); \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VADDPS V1, V0, V0; \
	VADDPS V3, V2, V2; \
	VADDPS V2, V0, V0; \
	HSUM(V0)

#define NEXT1(n) ADDQ $(n), SI
#define NEXT2(n) ADDQ $(n), SI; ADDQ $(n), DX

#define DOT_STEP(at, acc) \
	VMOVUPS (at)(SI), V4; \
	VFMADD231PS (at)(DX), V4, acc

#define DOT_TAIL \
	LOADM((SI), V4); \
	LOADM((DX), V5); \
	VFMADD231PS V5, V4, V0

#define SUM_STEP(at, acc) \
	VADDPS (at)(SI), acc, acc

#define SUM_TAIL \
	LOADM((SI), V4); \
	VADDPS V4, V0, V0

// V8 is the mean.
#define SPREAD_STEP(at, acc) \
	VMOVUPS (at)(SI), V4; \
	VSUBPS V8, V4, V4; \
	VFMADD231PS V4, V4, acc

#define SPREAD_TAIL \
	LOADMOR((SI), V8, V4); \
	VSUBPS V8, V4, V4; \
	VFMADD231PS V4, V4, V0

// ROWMAX is func(x []float32) float32, −Inf for an empty row. A NaN may be lost.
#define ROWMAX \
	CONSTANTS; \
	MOVQ x_base+0(FP), SI; \
	MOVQ x_len+8(FP), CX; \
	VMOVUPS const_cNegInf(R8), V0; \
	VMOVUPS V0, V1; \
	VMOVUPS V0, V8; \
	FULLMASK; \
	SUBQ $(2*LANES), CX; \
	JLT  rest; \
two: \
	VMAXPS (SI), V0, V0; \
	VMAXPS VBYTES(SI), V1, V1; \
	ADDQ $(2*VBYTES), SI; \
	SUBQ $(2*LANES), CX; \
	JGE  two; \
rest: \
	ADDQ $(2*LANES), CX; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADMOR((SI), V8, V4); \
	VMAXPS V4, V0, V0; \
	ADDQ $VBYTES, SI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VMAXPS V1, V0, V0; \
	HMAX(V0); \
	VMOVSS X0, ret+24(FP); \
	VZEROUPPER; \
	RET

// EXPSUM is func(dst, x []float32, shift float32) float32: dst = exp(x − shift), returns Σ dst.
#define EXPSUM(STORE) \
	CONSTANTS; \
	EXPLIMITS; \
	MOVQ dst_base+0(FP), DI; \
	MOVQ x_base+24(FP), SI; \
	MOVQ x_len+32(FP), CX; \
	VBROADCASTSS shift+48(FP), V7; \
	VMOVUPS const_cNegInf(R8), V8; \
	VXORPS V0, V0, V0; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADMOR((SI), V8, V1); \
	VSUBPS V7, V1, V1; \
	EXP(V1, V2, V3); \
	VADDPS V3, V0, V0; \
	STORE; \
	ADDQ $VBYTES, SI; \
	ADDQ $VBYTES, DI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	HSUM(V0); \
	VMOVSS X0, ret+56(FP); \
	VZEROUPPER; \
	RET

#define EXPSTORE STOREM(V3, (DI))

// NORM is func(dst, x, w, b []float32, mean, rstd float32): dst = (x − mean)·rstd·w + b; w and b may be nil.
#define NORM \
	MOVQ dst_base+0(FP), DI; \
	MOVQ x_base+24(FP), SI; \
	MOVQ x_len+32(FP), CX; \
	MOVQ w_base+48(FP), DX; \
	MOVQ b_base+72(FP), BX; \
	VBROADCASTSS mean+96(FP), V7; \
	VBROADCASTSS rstd+100(FP), V8; \
	FULLMASK; \
	XORL R9, R9; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI)(R9*1), V0); \
	VSUBPS V7, V0, V0; \
	VMULPS V8, V0, V0; \
	TESTQ DX, DX; \
	JZ   unweighted; \
	LOADM((DX)(R9*1), V1); \
	VMULPS V1, V0, V0; \
unweighted: \
	TESTQ BX, BX; \
	JZ   unbiased; \
	LOADM((BX)(R9*1), V1); \
	VADDPS V1, V0, V0; \
unbiased: \
	STOREM(V0, (DI)(R9*1)); \
	ADDQ $VBYTES, R9; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// NORMSLOPE is func(dx, dy, x, w []float32, mean, rstd, a, b float32): dx += (dy·w − a − x̂·b)·rstd, x̂ = (x − mean)·rstd.
#define NORMSLOPE \
	MOVQ dx_base+0(FP), DI; \
	MOVQ dy_base+24(FP), DX; \
	MOVQ x_base+48(FP), SI; \
	MOVQ x_len+56(FP), CX; \
	MOVQ w_base+72(FP), BX; \
	VBROADCASTSS mean+96(FP), V7; \
	VBROADCASTSS rstd+100(FP), V8; \
	VBROADCASTSS a+104(FP), V9; \
	VBROADCASTSS b+108(FP), V10; \
	FULLMASK; \
	XORL R9, R9; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI)(R9*1), V0); \
	VSUBPS V7, V0, V0; \
	VMULPS V8, V0, V0; \
	LOADM((DX)(R9*1), V1); \
	TESTQ BX, BX; \
	JZ   unweighted; \
	LOADM((BX)(R9*1), V2); \
	VMULPS V2, V1, V1; \
unweighted: \
	VSUBPS V9, V1, V1; \
	VFNMADD231PS V10, V0, V1; \
	LOADM((DI)(R9*1), V2); \
	VFMADD231PS V8, V1, V2; \
	STOREM(V2, (DI)(R9*1)); \
	ADDQ $VBYTES, R9; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// NORMSUMS is func(dy, x, w, dw, db []float32, mean, rstd float32) (a, b float32): a = Σ dy·w, b = Σ dy·w·x̂, and
// dw += dy·x̂, db += dy, where they and w are not nil.
#define NORMSUMS \
	MOVQ dy_base+0(FP), DX; \
	MOVQ x_base+24(FP), SI; \
	MOVQ x_len+32(FP), CX; \
	MOVQ w_base+48(FP), BX; \
	MOVQ dw_base+72(FP), DI; \
	MOVQ db_base+96(FP), R10; \
	VBROADCASTSS mean+120(FP), V7; \
	VBROADCASTSS rstd+124(FP), V8; \
	FULLMASK; \
	XORL R9, R9; \
	VXORPS V0, V0, V0; \
	VXORPS V1, V1, V1; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADMOR((SI)(R9*1), V7, V2); \
	VSUBPS V7, V2, V2; \
	VMULPS V8, V2, V2; \
	LOADM((DX)(R9*1), V3); \
	TESTQ DI, DI; \
	JZ   noweight; \
	LOADM((DI)(R9*1), V4); \
	VFMADD231PS V2, V3, V4; \
	STOREM(V4, (DI)(R9*1)); \
noweight: \
	TESTQ R10, R10; \
	JZ   nobias; \
	LOADM((R10)(R9*1), V4); \
	VADDPS V3, V4, V4; \
	STOREM(V4, (R10)(R9*1)); \
nobias: \
	TESTQ BX, BX; \
	JZ   unweighted; \
	LOADM((BX)(R9*1), V4); \
	VMULPS V4, V3, V3; \
unweighted: \
	VADDPS V3, V0, V0; \
	VFMADD231PS V3, V2, V1; \
	ADDQ $VBYTES, R9; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	HSUM(V0); \
	VMOVSS X0, a+128(FP); \
	HSUM(V1); \
	VMOVSS X1, b+132(FP); \
	VZEROUPPER; \
	RET

// AXPY is func(alpha float32, x, y []float32): y += alpha·x.
#define AXPY \
	VBROADCASTSS alpha+0(FP), V7; \
	MOVQ x_base+8(FP), SI; \
	MOVQ x_len+16(FP), CX; \
	MOVQ y_base+32(FP), DI; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI), V0); \
	LOADM((DI), V1); \
	VFMADD231PS V7, V0, V1; \
	STOREM(V1, (DI)); \
	ADDQ $VBYTES, SI; \
	ADDQ $VBYTES, DI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// SCALEBY is func(s float32, x []float32): x *= s.
#define SCALEBY \
	VBROADCASTSS s+0(FP), V7; \
	MOVQ x_base+8(FP), SI; \
	MOVQ x_len+16(FP), CX; \
	FULLMASK; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((SI), V0); \
	VMULPS V7, V0, V0; \
	STOREM(V0, (SI)); \
	ADDQ $VBYTES, SI; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// ADAMW_LOOP is func(o *adamwStep, p, m, v, g []float32); the fields of o are nine float32 in order.
#define ADAMW_LOOP \
	MOVQ o+0(FP), AX; \
	MOVQ p_base+8(FP), DI; \
	MOVQ m_base+32(FP), SI; \
	MOVQ v_base+56(FP), BX; \
	MOVQ g_base+80(FP), DX; \
	MOVQ g_len+88(FP), CX; \
	VBROADCASTSS 0(AX), V4; \
	VBROADCASTSS 4(AX), V5; \
	VBROADCASTSS 8(AX), V6; \
	VBROADCASTSS 12(AX), V7; \
	VBROADCASTSS 16(AX), V8; \
	VBROADCASTSS 20(AX), V9; \
	VBROADCASTSS 24(AX), V10; \
	VBROADCASTSS 28(AX), V11; \
	VBROADCASTSS 32(AX), V12; \
	FULLMASK; \
	XORL R9, R9; \
loop: \
	SUBQ $LANES, CX; \
	JLT  tail; \
body: \
	LOADM((DX)(R9*1), V0); \
	VMULPS V4, V0, V0; \
	LOADM((SI)(R9*1), V1); \
	VMULPS V5, V1, V1; \
	VFMADD231PS V6, V0, V1; \
	STOREM(V1, (SI)(R9*1)); \
	VMULPS V0, V0, V0; \
	LOADM((BX)(R9*1), V2); \
	VMULPS V7, V2, V2; \
	VFMADD231PS V8, V0, V2; \
	STOREM(V2, (BX)(R9*1)); \
	VSQRTPS V2, V2; \
	VFMADD213PS V12, V9, V2; \
	VMULPS V10, V1, V1; \
	VDIVPS V2, V1, V1; \
	LOADM((DI)(R9*1), V0); \
	VFMSUB213PS V1, V11, V0; \
	STOREM(V0, (DI)(R9*1)); \
	PREFETCHT0 1024(DX)(R9*1); \
	PREFETCHT0 1024(SI)(R9*1); \
	PREFETCHT0 1024(BX)(R9*1); \
	PREFETCHT0 1024(DI)(R9*1); \
	ADDQ $VBYTES, R9; \
	JMP  loop; \
tail: \
	ADDQ $LANES, CX; \
	JLE  done; \
	TAILMASK; \
	XORL CX, CX; \
	JMP  body; \
done: \
	VZEROUPPER; \
	RET

// SQUARES is func(sums *[8]float64, x []float32): sums[i] = the squares' sum in lane i, len(x) a multiple of 2·LANES.
#define SQUARES \
	MOVQ sums+0(FP), DI; \
	MOVQ x_base+8(FP), SI; \
	MOVQ x_len+16(FP), CX; \
	VXORPS V0, V0, V0; \
	VXORPS V1, V1, V1; \
	VXORPS V2, V2, V2; \
	VXORPS V3, V3, V3; \
loop: \
	SUBQ $(2*LANES), CX; \
	JLT  done; \
	VCVTPS2PD (SI), V4; \
	VFMADD231PD V4, V4, V0; \
	VCVTPS2PD (VBYTES/2)(SI), V5; \
	VFMADD231PD V5, V5, V1; \
	VCVTPS2PD VBYTES(SI), V6; \
	VFMADD231PD V6, V6, V2; \
	VCVTPS2PD (3*VBYTES/2)(SI), V7; \
	VFMADD231PD V7, V7, V3; \
	ADDQ $(2*VBYTES), SI; \
	JMP  loop; \
done: \
	VADDPD V1, V0, V0; \
	VADDPD V3, V2, V2; \
	VADDPD V2, V0, V0; \
	VMOVUPD V0, (DI); \
	VZEROUPPER; \
	RET
