//go:build amd64 && !purego

package kernel

import (
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

// detect finds the best family that processor and operating system offer. AVX2 and AVX-512 count only where the system saves
// their registers (x/sys/cpu asks XGETBV); tiles only where the kernel grants them.
func detect() (best Family, id identity) {
	id.dotBF16 = cpuid.CPU.VendorID == cpuid.AMD || cpuid.CPU.VendorID == cpuid.Hygon
	x := &cpu.X86
	best = Generic
	if !x.HasAVX2 || !x.HasFMA || !cpuid.CPU.Supports(cpuid.F16C) {
		return best, id
	}
	best = AVX2
	if !x.HasAVX512F || !x.HasAVX512BW || !x.HasAVX512DQ || !x.HasAVX512VL {
		return best, id
	}
	best = AVX512
	if !x.HasAVX512BF16 || !x.HasAVX512VNNI {
		return best, id
	}
	best = AVX512BF16
	if x.HasAMXTile && x.HasAMXBF16 && x.HasAMXInt8 && askForTiles() {
		best = AMX
	}
	return best, id
}
