package weights

import (
	"encoding/binary"
	"math"
)

// The decoders of plain types read one element after the other, little endian,
// from any alignment. Their callers have checked the lengths.

func decodeF32(out []float32, data []byte) {
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
}

func decodeF64(out []float32, data []byte) {
	for i := range out {
		out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
	}
}

func decodeF16(out []float32, data []byte) {
	for i := range out {
		out[i] = halfAt(data, 2*i)
	}
}

func decodeBF16(out []float32, data []byte) {
	for i := range out {
		out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
	}
}

func decodeI64(out []float32, data []byte) {
	for i := range out {
		out[i] = float32(int64(binary.LittleEndian.Uint64(data[8*i:])))
	}
}

func decodeI32(out []float32, data []byte) {
	for i := range out {
		out[i] = float32(int32(binary.LittleEndian.Uint32(data[4*i:])))
	}
}

func decodeI16(out []float32, data []byte) {
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(data[2*i:])))
	}
}

func decodeI8(out []float32, data []byte) {
	for i := range out {
		out[i] = float32(int8(data[i]))
	}
}

func decodeU8(out []float32, data []byte) {
	for i := range out {
		out[i] = float32(data[i])
	}
}

func decodeBool(out []float32, data []byte) {
	for i := range out {
		if data[i] != 0 {
			out[i] = 1
		}
	}
}

// halfAt is the IEEE half-precision number at data[at:].
func halfAt(data []byte, at int) float32 {
	h := uint32(binary.LittleEndian.Uint16(data[at:]))
	sign := (h & 0x8000) << 16
	exponent := h >> 10 & 0x1f
	mantissa := h & 0x3ff
	switch {
	case exponent == 0x1f: // infinity, NaN
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	case exponent != 0:
		return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
	}
	// Zero and the subnormals are mantissa · 2⁻²⁴, which float32 has exactly.
	value := math.Float32bits(float32(mantissa) * (1.0 / (1 << 24)))
	return math.Float32frombits(sign | value)
}
