package weights

import "encoding/binary"

// The decoders of GGML's blocks. The products and sums are rounded one by one
// (the conversions keep a compiler from fusing them), so that the values are
// those of the reference, to the bit, on every processor.

func decodeQ4_0(out []float32, data []byte) {
	for ; len(out) >= 32; out, data = out[32:], data[18:] {
		d := halfAt(data, 0)
		for j, q := range data[2:18] {
			out[j] = d * float32(int(q&15)-8)
			out[j+16] = d * float32(int(q>>4)-8)
		}
	}
}

func decodeQ4_1(out []float32, data []byte) {
	for ; len(out) >= 32; out, data = out[32:], data[20:] {
		d, m := halfAt(data, 0), halfAt(data, 2)
		for j, q := range data[4:20] {
			out[j] = float32(d*float32(q&15)) + m
			out[j+16] = float32(d*float32(q>>4)) + m
		}
	}
}

func decodeQ5_0(out []float32, data []byte) {
	for ; len(out) >= 32; out, data = out[32:], data[22:] {
		d := halfAt(data, 0)
		high := binary.LittleEndian.Uint32(data[2:])
		for j, q := range data[6:22] {
			out[j] = d * float32(int(uint32(q&15)|high>>j<<4&16)-16)
			out[j+16] = d * float32(int(uint32(q>>4)|high>>(j+16)<<4&16)-16)
		}
	}
}

func decodeQ5_1(out []float32, data []byte) {
	for ; len(out) >= 32; out, data = out[32:], data[24:] {
		d, m := halfAt(data, 0), halfAt(data, 2)
		high := binary.LittleEndian.Uint32(data[4:])
		for j, q := range data[8:24] {
			out[j] = float32(d*float32(uint32(q&15)|high>>j<<4&16)) + m
			out[j+16] = float32(d*float32(uint32(q>>4)|high>>(j+16)<<4&16)) + m
		}
	}
}

func decodeQ8_0(out []float32, data []byte) {
	for ; len(out) >= 32; out, data = out[32:], data[34:] {
		d := halfAt(data, 0)
		for j, q := range data[2:34] {
			out[j] = d * float32(int8(q))
		}
	}
}

// A Q2_K block: 16 bytes of 4-bit scales and minima, one for 16 elements, 64
// bytes of 2-bit numbers, then the scales' scale and the minima's.
func decodeQ2_K(out []float32, data []byte) {
	for ; len(out) >= 256; out, data = out[256:], data[84:] {
		scales, quants := data[:16], data[16:80]
		d, dmin := halfAt(data, 80), halfAt(data, 82)
		for group := range 16 {
			// Groups of 16 elements: 8 groups share 32 bytes, two a shift.
			low := quants[group/8*32+group%2*16:]
			shift := group % 8 / 2 * 2
			scale := d * float32(scales[group]&15)
			least := dmin * float32(scales[group]>>4)
			for l := range 16 {
				out[group*16+l] = float32(scale*float32(low[l]>>shift&3)) - least
			}
		}
	}
}

// A Q3_K block: 32 bytes of high bits (clear means minus 4), 64 bytes of 2-bit
// numbers, 16 6-bit scales in 12 bytes, and the scales' scale.
func decodeQ3_K(out []float32, data []byte) {
	for ; len(out) >= 256; out, data = out[256:], data[110:] {
		high, quants, scales := data[:32], data[32:96], data[96:108]
		d := halfAt(data, 108)
		for group := range 16 {
			bits := scales[group%8] >> (group / 8 * 4) & 15
			bits |= scales[8+group%4] >> (group / 4 * 2) & 3 << 4
			scale := d * float32(int(bits)-32)
			low := quants[group/8*32+group%2*16:]
			shift := group % 8 / 2 * 2
			mask := byte(1) << (group / 2)
			for l := range 16 {
				q := int(low[l] >> shift & 3)
				if high[group%2*16+l]&mask == 0 {
					q -= 4
				}
				out[group*16+l] = scale * float32(q)
			}
		}
	}
}

// scaleMin unpacks the j-th of eight pairs of a 6-bit scale and a 6-bit minimum
// from the 12 bytes of a Q4_K or Q5_K block.
func scaleMin(packed []byte, j int) (scale, least float32) {
	if j < 4 {
		return float32(packed[j] & 63), float32(packed[j+4] & 63)
	}
	return float32(packed[j+4]&15 | packed[j-4]>>6<<4), float32(packed[j+4]>>4 | packed[j]>>6<<4)
}

func decodeQ4_K(out []float32, data []byte) {
	for ; len(out) >= 256; out, data = out[256:], data[144:] {
		d, dmin := halfAt(data, 0), halfAt(data, 2)
		for group := range 8 {
			scale, least := scaleMin(data[4:16], group)
			scale, least = d*scale, dmin*least
			low := data[16+group/2*32:]
			shift := group % 2 * 4
			for l := range 32 {
				out[group*32+l] = float32(scale*float32(low[l]>>shift&15)) - least
			}
		}
	}
}

func decodeQ5_K(out []float32, data []byte) {
	for ; len(out) >= 256; out, data = out[256:], data[176:] {
		d, dmin := halfAt(data, 0), halfAt(data, 2)
		high := data[16:48]
		for group := range 8 {
			scale, least := scaleMin(data[4:16], group)
			scale, least = d*scale, dmin*least
			low := data[48+group/2*32:]
			shift := group % 2 * 4
			for l := range 32 {
				q := low[l]>>shift&15 | high[l]>>group&1<<4
				out[group*32+l] = float32(scale*float32(q)) - least
			}
		}
	}
}

// A Q6_K block: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 int8
// scales, and the scales' scale.
func decodeQ6_K(out []float32, data []byte) {
	for ; len(out) >= 256; out, data = out[256:], data[210:] {
		d := halfAt(data, 208)
		for group := range 16 {
			// Eight groups of 16 make a half; its quarter says which nibble of
			// 64 bytes and which bit pair of 32.
			half, quarter, offset := group/8, group%8/2, group%2*16
			low := data[half*64+quarter%2*32+offset:]
			high := data[128+half*32+offset:]
			scale := d * float32(int8(data[192+group]))
			for l := range 16 {
				q := low[l]>>(quarter/2*4)&15 | high[l]>>(quarter*2)&3<<4
				out[group*16+l] = scale * float32(int(q)-32)
			}
		}
	}
}
