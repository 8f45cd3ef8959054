// Package frugal holds what reads untrusted bytes to what they may cost. Fuzz targets use it: an input that makes memory or time explode is
// as wrong as one that panics.
package frugal

import (
	"runtime/metrics"
	"testing"
	"time"
)

// What an input may cost, whatever it is, and each of its bytes beyond that. Time is the processor's, so that a busy machine does not count;
// both are generous, since a fuzzed binary is several times slower than another.
const (
	byteTime  = 100 * time.Microsecond
	baseBytes = 256 << 20
	byteBytes = 16 << 10
)

var baseTime = 2 * time.Second // the test of this has less

// Run calls f, which reads an input of so many bytes, and fails where it allocates or computes more than any such input is worth.
func Run(t testing.TB, size int, f func()) {
	t.Helper()
	allocated, busy := allocatedBytes(), processorTime()
	f()
	allocated, busy = allocatedBytes()-allocated, processorTime()-busy
	if most := uint64(baseBytes + byteBytes*size); allocated > most {
		t.Errorf("%d bytes had %d MB allocated, more than %d MB", size, allocated>>20, most>>20)
	}
	if most := baseTime + byteTime*time.Duration(size); busy > most {
		t.Errorf("%d bytes took %v of the processor, more than %v", size, busy, most)
	}
}

// allocatedBytes is all that the process has ever allocated.
func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
