//go:build amd64 && !purego

// float32 to the quantised types, for AVX2 with F16C. A block with a NaN, an infinity or a scale whose inverse is none is left to the
// Go loop: each function says how many blocks it wrote before it met one.

#include "textflag.h"

#define ARGS \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ blocks+16(FP), CX

// ALL sets all lanes of y, whose lower half is x, to v.
#define ALL(v, x, y) \
	MOVL         $v, AX; \
	VMOVD        AX, x; \
	VPBROADCASTD x, y

#define LOADBLOCK \
	VMOVUPS (SI), Y0; \
	VMOVUPS 32(SI), Y1; \
	VMOVUPS 64(SI), Y2; \
	VMOVUPS 96(SI), Y3

// ABSMAX makes every lane of X8 the largest of the absolutes in Y4–Y7, found among the bits, where a NaN is larger than any number.
#define ABSMAX \
	VANDPS       Y15, Y0, Y4; \
	VANDPS       Y15, Y1, Y5; \
	VANDPS       Y15, Y2, Y6; \
	VANDPS       Y15, Y3, Y7; \
	VPMAXUD      Y5, Y4, Y8; \
	VPMAXUD      Y7, Y6, Y9; \
	VPMAXUD      Y9, Y8, Y8; \
	VEXTRACTI128 $1, Y8, X9; \
	VPMAXUD      X9, X8, X8; \
	VPSHUFD      $0x4e, X8, X9; \
	VPMAXUD      X9, X8, X8; \
	VPSHUFD      $0xb1, X8, X9; \
	VPMAXUD      X9, X8, X8

// USUAL goes on where the bits in AX are of a number from 2^−100 on, to zero where it is 0, and else to stop.
#define USUAL(zero, stop) \
	TESTL AX, AX; \
	JZ    zero; \
	CMPL  AX, $0x0d800000; \
	JCS   stop; \
	CMPL  AX, $0x7f800000; \
	JCC   stop

// SCALED multiplies the block by the inverse in X11.
#define SCALED \
	VBROADCASTSS X11, Y11; \
	VMULPS       Y11, Y0, Y0; \
	VMULPS       Y11, Y1, Y1; \
	VMULPS       Y11, Y2, Y2; \
	VMULPS       Y11, Y3, Y3

// NEAREST rounds v to the nearest integer, halves away from zero; Y14 is the sign, Y13 a half, Y12 one.
#define NEAREST(v) \
	VROUNDPS $11, v, Y4; \
	VSUBPS   Y4, v, Y5; \
	VANDPS   Y15, Y5, Y5; \
	VCMPPS   $13, Y13, Y5, Y5; \
	VANDPS   Y14, v, Y6; \
	VORPS    Y12, Y6, Y6; \
	VANDPS   Y6, Y5, Y5; \
	VADDPS   Y5, Y4, Y4; \
	VCVTPS2DQ Y4, v

// NIBBLE truncates v to 0–15; Y14 is what is added before, Y13 is 15, Y12 is 0.
#define NIBBLE(v) \
	VADDPS     Y14, v, v; \
	VCVTTPS2DQ v, v; \
	VPMAXSD    Y12, v, v; \
	VPMINSD    Y13, v, v

// NIBBLES writes the block to 16 bytes at to: the nibbles of Y0 and Y1, above them those of Y2 and Y3.
#define NIBBLES(to) \
	NIBBLE(Y0); \
	NIBBLE(Y1); \
	NIBBLE(Y2); \
	NIBBLE(Y3); \
	VPSLLD       $4, Y2, Y2; \
	VPSLLD       $4, Y3, Y3; \
	VPOR         Y2, Y0, Y0; \
	VPOR         Y3, Y1, Y1; \
	VPACKUSDW    Y1, Y0, Y0; \
	VPERMQ       $0xd8, Y0, Y0; \
	VEXTRACTI128 $1, Y0, X1; \
	VPACKUSWB    X1, X0, X0; \
	VMOVDQU      X0, to(DI)

// FOLD makes lane 0 of xv the result of OP over the lanes of Y0–Y3, which stay; Y5 is free.
#define FOLD(OP, v, xv) \
	OP           Y1, Y0, v; \
	OP           Y3, Y2, Y5; \
	OP           Y5, v, v; \
	VEXTRACTF128 $1, v, X5; \
	OP           X5, xv, xv; \
	VPERMILPS    $0x4e, xv, X5; \
	OP           X5, xv, xv; \
	VPERMILPS    $0xb1, xv, X5; \
	OP           X5, xv, xv

// RETURN says how many blocks were written.
#define RETURN \
	MOVQ blocks+16(FP), AX; \
	SUBQ CX, AX; \
	MOVQ AX, done+24(FP); \
	VZEROUPPER; \
	RET

// func encodeQ80AVX2(dst *byte, src *float32, blocks int) (done int)
TEXT ·encodeQ80AVX2(SB), NOSPLIT, $0-32
	ARGS
	ALL(0x7fffffff, X15, Y15)
	ALL(0x80000000, X14, Y14)
	ALL(0x3f000000, X13, Y13)
	ALL(0x3f800000, X12, Y12)
	VMOVDQU ·fourthByFourth(SB), Y10

block:
	TESTQ  CX, CX
	JZ     stop
	LOADBLOCK
	ABSMAX
	VMOVD  X8, AX
	MOVL   $0x42fe0000, DX // 127
	VMOVD  DX, X9
	VDIVSS X9, X8, X8
	VXORPS X11, X11, X11
	USUAL(zero, stop)
	VDIVSS X8, X12, X11

zero:
	VCVTPS2PH $0, X8, X9
	VMOVD     X9, AX
	MOVW      AX, (DI)
	SCALED
	NEAREST(Y0)
	NEAREST(Y1)
	NEAREST(Y2)
	NEAREST(Y3)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSWB Y2, Y0, Y0
	VPERMD    Y0, Y10, Y0
	VMOVDQU   Y0, 2(DI)
	ADDQ      $128, SI
	ADDQ      $34, DI
	DECQ      CX
	JMP       block

stop:
	RETURN

// func encodeQ40AVX2(dst *byte, src *float32, blocks int) (done int)
TEXT ·encodeQ40AVX2(SB), NOSPLIT, $0-32
	ARGS
	ALL(0x7fffffff, X15, Y15)
	ALL(0x41080000, X14, Y14) // 8.5
	ALL(15, X13, Y13)
	VPXOR Y12, Y12, Y12

block:
	TESTQ  CX, CX
	JZ     stop
	LOADBLOCK
	ABSMAX
	VXORPS X10, X10, X10      // the largest with its sign: the first of them
	VXORPS X11, X11, X11
	VMOVD  X8, AX
	MOVL   $0xc1000000, DX    // −8
	VMOVD  DX, X9
	USUAL(zero, stop)
	VPBROADCASTD X8, Y8
	VPCMPEQD  Y8, Y4, Y4
	VPCMPEQD  Y8, Y5, Y5
	VPCMPEQD  Y8, Y6, Y6
	VPCMPEQD  Y8, Y7, Y7
	VMOVMSKPS Y4, AX
	VMOVMSKPS Y5, BX
	VMOVMSKPS Y6, DX
	VMOVMSKPS Y7, R8
	SHLL      $8, BX
	SHLL      $16, DX
	SHLL      $24, R8
	ORL       BX, AX
	ORL       R8, DX
	ORL       DX, AX
	BSFL      AX, AX
	VMOVSS    (SI)(AX*4), X10
	MOVL      $0x3f800000, DX
	VMOVD     DX, X11
	VDIVSS    X9, X10, X8
	VDIVSS    X8, X11, X11

zero:
	VDIVSS    X9, X10, X8
	VCVTPS2PH $0, X8, X9
	VMOVD     X9, AX
	MOVW      AX, (DI)
	SCALED
	NIBBLES(2)
	ADDQ      $128, SI
	ADDQ      $18, DI
	DECQ      CX
	JMP       block

stop:
	RETURN

// func encodeQ41AVX2(dst *byte, src *float32, blocks int) (done int)
TEXT ·encodeQ41AVX2(SB), NOSPLIT, $0-32
	ARGS
	ALL(0x7fffffff, X15, Y15)
	ALL(0x3f000000, X14, Y14) // ½
	ALL(15, X13, Y13)
	VPXOR Y12, Y12, Y12

block:
	TESTQ  CX, CX
	JZ     stop
	LOADBLOCK
	ABSMAX
	VMOVD  X8, AX
	CMPL   AX, $0x7f800000
	JCC    stop
	FOLD(VMINPS, Y8, X8)
	FOLD(VMAXPS, Y9, X9)

	// The least of zeros of both signs is −0: where it is 0, any sign is that of one.
	VORPS        Y1, Y0, Y4
	VORPS        Y3, Y2, Y5
	VORPS        Y5, Y4, Y4
	VMOVMSKPS    Y4, AX
	VUCOMISS     X12, X8
	JNE          signed
	VXORPS       X8, X8, X8
	TESTL        AX, AX
	JZ           signed
	MOVL         $0x80000000, AX
	VMOVD        AX, X8

signed:
	VSUBSS X8, X9, X9
	MOVL   $0x41700000, DX    // 15
	VMOVD  DX, X10
	VXORPS X11, X11, X11
	VMOVD  X9, AX
	VDIVSS X10, X9, X9
	USUAL(zero, stop)
	MOVL   $0x3f800000, DX
	VMOVD  DX, X11
	VDIVSS X9, X11, X11

zero:
	VUNPCKLPS    X8, X9, X9
	VCVTPS2PH    $0, X9, X9
	VMOVD        X9, (DI)
	VBROADCASTSS X8, Y8
	VSUBPS       Y8, Y0, Y0
	VSUBPS       Y8, Y1, Y1
	VSUBPS       Y8, Y2, Y2
	VSUBPS       Y8, Y3, Y3
	SCALED
	NIBBLES(4)
	ADDQ         $128, SI
	ADDQ         $20, DI
	DECQ         CX
	JMP          block

stop:
	RETURN
