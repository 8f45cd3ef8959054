package kernel

import (
	"encoding/binary"
	"runtime"
)

// Peak is a loop that does nothing but multiply numbers in registers: what it reaches is the limit of a core's multipliers.
// Q8_0 stands for int8.
type Peak struct {
	DType DType
	Flops int              // operations in a round: a multiplication and an addition are two
	Run   func(rounds int) // on the calling goroutine
}

// Peaks lists the loops of the engine's family, those of slower families not included.
func (e *Engine) Peaks() []Peak {
	if e.family == Generic {
		return []Peak{{F32, 2 * len(peakSums{}), peakGeneric}}
	}
	return e.peaks()
}

// Readers lists loops that read all of p and return something that depends on it, for measuring how fast memory can be read: which is
// the fastest, depends on the processor.
func (e *Engine) Readers() []func(p []byte) uint64 { return e.readers() }

type peakSums [8]float32

// peakGeneric keeps eight sums, so that the processor may overlap their additions.
func peakGeneric(rounds int) {
	var s peakSums
	a, b := float32(rounds), float32(0.5)
	for range rounds {
		s[0] += a * b
		s[1] += a * b
		s[2] += a * b
		s[3] += a * b
		s[4] += a * b
		s[5] += a * b
		s[6] += a * b
		s[7] += a * b
		b = -b
	}
	runtime.KeepAlive(s)
}

func readGeneric(p []byte) (x uint64) {
	for len(p) >= 8 {
		x ^= binary.LittleEndian.Uint64(p)
		p = p[8:]
	}
	for _, b := range p {
		x ^= uint64(b)
	}
	return x
}
