package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// Decode widens the stored elements of a row to float32: len(dst) of them, whole blocks, from src.
func Decode(d DType, dst []float32, src []byte) {
	if len(dst)%d.BlockLen() != 0 || len(src) < d.RowBytes(len(dst)) {
		panic(fmt.Sprintf("kernel: %d bytes of %v do not hold %d elements", len(src), d, len(dst)))
	}
	if d == F32 && littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst)), src)
		return
	}
	n := decode(d, dst, src)
	decodeGeneric(d, dst[n:], src[d.RowBytes(n):])
}

// Encode rounds float32 values to a stored type: whole blocks, to the nearest, as GGML's reference quantiser does it.
func Encode(d DType, dst []byte, src []float32) {
	if len(src)%d.BlockLen() != 0 || len(dst) < d.RowBytes(len(src)) {
		panic(fmt.Sprintf("kernel: %d elements do not fit %d bytes of %v", len(src), len(dst), d))
	}
	n := encode(d, dst, src)
	encodeGeneric(d, dst[d.RowBytes(n):], src[n:])
}

// littleEndian says that stored float32 values lie in memory as this machine's own.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

func decodeGeneric(d DType, dst []float32, src []byte) {
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	case Q8_0:
		for ; len(dst) > 0; dst, src = dst[32:], src[34:] {
			scale := halfToFloat(binary.LittleEndian.Uint16(src))
			for i, q := range src[2:34] {
				dst[i] = scale * float32(int8(q))
			}
		}
	case Q4_0:
		for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
			scale := halfToFloat(binary.LittleEndian.Uint16(src))
			for i, q := range src[2:18] {
				dst[i] = scale * float32(int(q&15)-8)
				dst[i+16] = scale * float32(int(q>>4)-8)
			}
		}
	case Q4_1:
		for ; len(dst) > 0; dst, src = dst[32:], src[20:] {
			scale := halfToFloat(binary.LittleEndian.Uint16(src))
			least := halfToFloat(binary.LittleEndian.Uint16(src[2:]))
			for i, q := range src[4:20] {
				dst[i] = float32(scale*float32(q&15)) + least
				dst[i+16] = float32(scale*float32(q>>4)) + least
			}
		}
	default:
		panic("kernel: no such dtype")
	}
}

func encodeGeneric(d DType, dst []byte, src []float32) {
	switch d {
	case F32:
		for i, x := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	case F16:
		for i, x := range src {
			binary.LittleEndian.PutUint16(dst[2*i:], floatToHalf(x))
		}
	case BF16:
		for i, x := range src {
			binary.LittleEndian.PutUint16(dst[2*i:], floatToBF16(x))
		}
	case Q8_0:
		for ; len(src) > 0; dst, src = dst[34:], src[32:] {
			scale := absMax(src[:32]) / 127
			binary.LittleEndian.PutUint16(dst, floatToHalf(scale))
			inv := inverse(scale)
			for i, x := range src[:32] {
				dst[2+i] = byte(int8(math.Round(float64(x * inv))))
			}
		}
	case Q4_0:
		for ; len(src) > 0; dst, src = dst[18:], src[32:] {
			var top float32
			for _, x := range src[:32] {
				if abs(x) > abs(top) {
					top = x
				}
			}
			scale := top / -8
			binary.LittleEndian.PutUint16(dst, floatToHalf(scale))
			inv := inverse(scale)
			for i := range 16 {
				lo, hi := nibble(float32(src[i]*inv)+8.5), nibble(float32(src[i+16]*inv)+8.5)
				dst[2+i] = lo | hi<<4
			}
		}
	case Q4_1:
		for ; len(src) > 0; dst, src = dst[20:], src[32:] {
			least, top := src[0], src[0]
			for _, x := range src[1:32] {
				least, top = min(least, x), max(top, x)
			}
			scale := (top - least) / 15
			binary.LittleEndian.PutUint16(dst, floatToHalf(scale))
			binary.LittleEndian.PutUint16(dst[2:], floatToHalf(least))
			inv := inverse(scale)
			for i := range 16 {
				lo, hi := nibble(float32((src[i]-least)*inv)+0.5), nibble(float32((src[i+16]-least)*inv)+0.5)
				dst[4+i] = lo | hi<<4
			}
		}
	default:
		panic("kernel: no such dtype")
	}
}

// nibble truncates to 0…15.
func nibble(x float32) byte { return byte(min(max(int(x), 0), 15)) }

func inverse(x float32) float32 {
	if x == 0 {
		return 0
	}
	return 1 / x
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func absMax(x []float32) float32 {
	var m float32
	for _, v := range x {
		m = max(m, abs(v))
	}
	return m
}

// floatToBF16 rounds to the nearest bf16, ties to even; a NaN stays one.
func floatToBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// halfToFloat widens an IEEE half.
func halfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 0:
		x := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(x))
	case 31:
		if frac != 0 {
			frac |= 0x200
		}
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// floatToHalf rounds to the nearest IEEE half, ties to even; what is too large becomes ±Inf, a NaN stays one.
func floatToHalf(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &^= 1 << 31
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x477ff000: // 65520 and more round to Inf
		return sign | 0x7c00
	case b < 0x38800000: // below the least normal half, 2^-14: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	return sign | uint16((b+0xfff+b>>13&1-112<<23)>>13)
}
