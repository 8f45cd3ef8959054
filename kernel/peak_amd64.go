//go:build amd64 && !purego

package kernel

import "unsafe"

//go:noescape
func peakF32AVX2(rounds int)

//go:noescape
func peakF32AVX512(rounds int)

//go:noescape
func peakBF16AVX512(rounds int)

//go:noescape
func peakInt8AVX512(rounds int)

//go:noescape
func peakBF16Tiles(rounds int, shape *[64]byte, data *[1024]byte)

//go:noescape
func peakInt8Tiles(rounds int, shape *[64]byte, data *[1024]byte)

//go:noescape
func readAVX2(p *byte, n int) uint64

// peaks of a family: what a round of each loop computes.
func (e *Engine) peaks() []Peak {
	const vector, tile = 24 * 16 * 2, 16 * 16 * 16 * 2
	switch e.family {
	case AVX2:
		return []Peak{{F32, 12 * 8 * 2, peakF32AVX2}}
	case AVX512:
		return []Peak{{F32, vector, peakF32AVX512}}
	case AVX512BF16:
		return []Peak{{BF16, 2 * vector, peakBF16AVX512}, {Q8_0, 4 * vector, peakInt8AVX512}}
	case AMX:
		shape, data := &tileShapes[32], new([1024]byte)
		for i := range data { // multiplying zeros costs less power, and the clock would be higher than it is at work
			data[i] = byte(uint32(i)*2654435761>>13) & 0xbf
		}
		return []Peak{
			{BF16, 16 * 2 * tile, func(rounds int) { peakBF16Tiles(rounds, shape, data) }},
			{Q8_0, 16 * 4 * tile, func(rounds int) { peakInt8Tiles(rounds, shape, data) }},
		}
	}
	return nil
}

// read reads memory and does nothing with it.
func (e *Engine) read(p []byte) (x uint64) {
	if e.family < AVX2 {
		return readGeneric(p)
	}
	n := len(p) &^ 255
	if n > 0 {
		x = readAVX2((*byte)(unsafe.Pointer(&p[0])), n)
	}
	return x ^ readGeneric(p[n:])
}
