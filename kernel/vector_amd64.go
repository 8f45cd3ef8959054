//go:build amd64 && !purego

package kernel

//lint:file-ignore U1000 The assembly reads the constants.

import (
	"math"
	"unsafe"
)

// Byte offsets of the constants that the loops of vector_amd64.h read, each repeated over 64 bytes.
const (
	cOne = 64 * iota
	cTwo
	cThree
	cSix
	cHalf
	cMinusHalf
	cAbs  // all bits but the sign
	cSign // the sign bit
	cNegInf
	cTail // 32 bytes of ones, 32 of zeros: a window of it masks a vector's tail
	cExpMax
	cExpMin
	cLog2e
	cLn2Hi
	cLn2Lo
	cExp3
	cExp4
	cExp5
	cExp6
	cGateMax
	cGateMin
	cHuge
	cTanhSplit
	cTanh1
	cTanh2
	cTanh3
	cTanh4
	cTanh5
	cPhiU
	cPhi1
	cPhi2
	cPhi3
	cPhi4
	cPhi5
	cPhi6
	cPhi7
	cPhi8
	cInvSqrt2Pi
	constantBytes
)

// vectorConstants points to the constants, aligned to 64 bytes.
var vectorConstants = makeConstants()

// The polynomials are minimax fits, made for this package in 40 digits: exp on |r| ≤ ln 2/2 (relative error 3e-9), tanh below
// 0.63 (5e-9), and the normal distribution's tail exp(−x²/2)·u·p(u), u = 1/(1+0.3x), up to x = 14.5 (1.6e-7).
func makeConstants() unsafe.Pointer {
	raw := make([]float32, constantBytes/4+16)
	skip := int(-uintptr(unsafe.Pointer(&raw[0]))%64) / 4
	raw = raw[skip:]
	for at, v := range map[int]float32{
		cOne: 1, cTwo: 2, cThree: 3, cSix: 6, cHalf: 0.5, cMinusHalf: -0.5,
		cAbs: math.Float32frombits(1<<31 - 1), cSign: math.Float32frombits(1 << 31), cNegInf: negInf,
		cExpMax: 89, cExpMin: -105, cLog2e: math.Log2E, cLn2Hi: ln2Hi, cLn2Lo: math.Ln2 - ln2Hi,
		cExp3: 0.1666651964187622, cExp4: 0.041668396443128586, cExp5: 0.008368786424398422, cExp6: 0.0013814456760883331,
		cGateMax: 1e4, cGateMin: -1e4, cHuge: 3e38, cTanhSplit: 0.625,
		cTanh1: -0.33333277702331543, cTanh2: 0.13331331312656403, cTanh3: -0.053729984909296036,
		cTanh4: 0.020606106147170067, cTanh5: -0.00566689670085907,
		cPhiU: 0.3,
		cPhi1: 0.11963202059268951, cPhi2: 0.12071189284324646, cPhi3: 0.10017742961645126, cPhi4: 0.12768712639808655,
		cPhi5: -0.05202587693929672, cPhi6: 0.20454877614974976, cPhi7: -0.1561543494462967, cPhi8: 0.03542289137840271,
		cInvSqrt2Pi: invSqrt2Pi,
	} {
		fill(raw[at/4:at/4+16], v)
	}
	for i := range 8 {
		raw[cTail/4+i] = math.Float32frombits(1<<32 - 1)
	}
	return unsafe.Pointer(&raw[0])
}

// ln2Hi is ln 2 rounded to float32.
const ln2Hi = 0.693147182464599609375

// loopsOf are the loops of each family; those that AVX-512 has serve its extensions too.
var loopsOf = vectorLoops()

func vectorLoops() [AMX + 1]*loops {
	avx2 := &loops{
		act: [numActs]func(dst, x []float32){
			NoAct: copyLoop, ReLU: reluAVX2, ReLU6: relu6AVX2, GELU: geluAVX2, Tanh: tanhAVX2, Sigmoid: sigmoidAVX2,
			GELUTanh:  func(dst, x []float32) { gatedAVX2(dst, x, 2*sqrt2OverPi, 2*sqrt2OverPi*geluCubic) },
			GELUQuick: func(dst, x []float32) { gatedAVX2(dst, x, quickSlope, 0) },
			SiLU:      func(dst, x []float32) { gatedAVX2(dst, x, 1, 0) },
		},
		slope: [numActs]func(dx, dy, x []float32){
			NoAct: func(dx, dy, _ []float32) { addAVX2(dx, dx, dy) }, ReLU: reluSlopeAVX2, ReLU6: genericLoops.slope[ReLU6],
			GELU: geluSlopeAVX2, Tanh: tanhSlopeAVX2, Sigmoid: sigmoidSlopeAVX2,
			GELUTanh:  func(dx, dy, x []float32) { gatedSlopeAVX2(dx, dy, x, 2*sqrt2OverPi, 2*sqrt2OverPi*geluCubic) },
			GELUQuick: func(dx, dy, x []float32) { gatedSlopeAVX2(dx, dy, x, quickSlope, 0) },
			SiLU:      func(dx, dy, x []float32) { gatedSlopeAVX2(dx, dy, x, 1, 0) },
		},
		add: addAVX2, mul: mulAVX2, scale: scaleAVX2, axpy: axpyAVX2, dot: dotAVX2, sum: sumAVX2, spread: spreadAVX2, rowMax: rowMaxAVX2, expSum: expSumAVX2, norm: normAVX2, normSums: normSumsAVX2, normSlope: normSlopeAVX2,
		squares: func(x []float32) float64 {
			whole := len(x) &^ (2*8 - 1)
			var sums [8]float64
			squaresAVX2(&sums, x[:whole])
			return squares(x[whole:]) + (sums[0] + sums[1]) + (sums[2] + sums[3]) + (sums[4] + sums[5]) + (sums[6] + sums[7])
		},
		adamW: func(o adamStep, p, m, v, g []float32) { adamWAVX2(&o, p, m, v, g) },
	}
	avx512 := &loops{
		act: [numActs]func(dst, x []float32){
			NoAct: copyLoop, ReLU: reluAVX512, ReLU6: relu6AVX512, GELU: geluAVX512, Tanh: tanhAVX512, Sigmoid: sigmoidAVX512,
			GELUTanh:  func(dst, x []float32) { gatedAVX512(dst, x, 2*sqrt2OverPi, 2*sqrt2OverPi*geluCubic) },
			GELUQuick: func(dst, x []float32) { gatedAVX512(dst, x, quickSlope, 0) },
			SiLU:      func(dst, x []float32) { gatedAVX512(dst, x, 1, 0) },
		},
		slope: [numActs]func(dx, dy, x []float32){
			NoAct: func(dx, dy, _ []float32) { addAVX512(dx, dx, dy) }, ReLU: genericLoops.slope[ReLU], ReLU6: genericLoops.slope[ReLU6],
			GELU: geluSlopeAVX512, Tanh: tanhSlopeAVX512, Sigmoid: sigmoidSlopeAVX512,
			GELUTanh:  func(dx, dy, x []float32) { gatedSlopeAVX512(dx, dy, x, 2*sqrt2OverPi, 2*sqrt2OverPi*geluCubic) },
			GELUQuick: func(dx, dy, x []float32) { gatedSlopeAVX512(dx, dy, x, quickSlope, 0) },
			SiLU:      func(dx, dy, x []float32) { gatedSlopeAVX512(dx, dy, x, 1, 0) },
		},
		add: addAVX512, mul: mulAVX512, scale: scaleAVX512, axpy: axpyAVX512, dot: dotAVX512, sum: sumAVX512, spread: spreadAVX512, rowMax: rowMaxAVX512, expSum: expSumAVX512, norm: normAVX512, normSums: normSumsAVX512, normSlope: normSlopeAVX512,
		squares: func(x []float32) float64 {
			whole := len(x) &^ (2*16 - 1)
			var sums [8]float64
			squaresAVX512(&sums, x[:whole])
			return squares(x[whole:]) + (sums[0] + sums[1]) + (sums[2] + sums[3]) + (sums[4] + sums[5]) + (sums[6] + sums[7])
		},
		adamW: func(o adamStep, p, m, v, g []float32) { adamWAVX512(&o, p, m, v, g) },
	}
	return [...]*loops{Generic: genericLoops, AVX2: avx2, AVX512: avx512, AVX512BF16: avx512, AMX: avx512}
}

func copyLoop(dst, x []float32) { copy(dst, x) }
