//go:build amd64 && !purego

package kernel

//go:noescape
func peakF32AVX2(rounds int, data *[1024]byte)

//go:noescape
func peakF32AVX512(rounds int, data *[1024]byte)

//go:noescape
func peakBF16AVX512(rounds int, data *[1024]byte)

//go:noescape
func peakInt8AVX512(rounds int, data *[1024]byte)

//go:noescape
func peakBF16Tiles(rounds int, shape *[64]byte, data *[1024]byte)

//go:noescape
func peakInt8Tiles(rounds int, shape *[64]byte, data *[1024]byte)

//go:noescape
func readEightAVX2(p *byte, n int) uint64

//go:noescape
func readTwoAVX2(p *byte, n int) uint64

// peakData are operands as varied as those of real work: multiplying zeros takes less power, and the clock would be higher
// than it is at work.
var peakData = func() *[1024]byte {
	data := new([1024]byte)
	for i := range data {
		data[i] = byte(uint32(i) * 2654435761 >> 13)
		if i%2 == 1 {
			data[i] = data[i]&0x80 | 0x3f // as f32 and as bf16 they are between ½ and 2, of either sign
		}
	}
	return data
}()

// peaks of a family: what a round of each loop computes.
func (e *Engine) peaks() []Peak {
	const vector, tile = 24 * 16 * 2, 16 * 16 * 16 * 2
	shape := &tileShapes[32]
	switch e.family {
	case AVX2:
		return []Peak{{F32, 12 * 8 * 2, func(rounds int) { peakF32AVX2(rounds, peakData) }}}
	case AVX512:
		return []Peak{{F32, vector, func(rounds int) { peakF32AVX512(rounds, peakData) }}}
	case AVX512BF16:
		return []Peak{
			{BF16, 2 * vector, func(rounds int) { peakBF16AVX512(rounds, peakData) }},
			{Q8_0, 4 * vector, func(rounds int) { peakInt8AVX512(rounds, peakData) }},
		}
	case AMX:
		return []Peak{
			{BF16, 16 * 2 * tile, func(rounds int) { peakBF16Tiles(rounds, shape, peakData) }},
			{Q8_0, 16 * 4 * tile, func(rounds int) { peakInt8Tiles(rounds, shape, peakData) }},
		}
	}
	return nil
}

// readers are the reading loops: many streams side by side suit a processor that follows few of its own in one (AMD's), two suit one that
// fetches far ahead (Intel's, where eight are read at half the rate).
func (e *Engine) readers() []func(p []byte) uint64 {
	if e.family < AVX2 {
		return []func(p []byte) uint64{readGeneric}
	}
	whole := func(read func(*byte, int) uint64) func(p []byte) uint64 {
		return func(p []byte) (x uint64) {
			n := len(p) &^ 511
			if n > 0 {
				x = read(&p[0], n)
			}
			return x ^ readGeneric(p[n:])
		}
	}
	return []func(p []byte) uint64{whole(readEightAVX2), whole(readTwoAVX2)}
}
