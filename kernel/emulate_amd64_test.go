//go:build amd64 && !purego

package kernel

// realKits are the kits whose instructions are emulated; nil where the machine lacks them.
func realKits() map[string]*kit {
	kits := map[string]*kit{"f32": &avx512F32, "vdpbf16ps": &avx512BF16, "vpdpbusd": &avx512Int8, "tdpbf16ps": &tilesBF16}
	best := Engines()[len(Engines())-1].family
	for name, least := range map[string]Family{"f32": AVX512, "vdpbf16ps": AVX512BF16, "vpdpbusd": AVX512BF16, "tdpbf16ps": AMX} {
		if best < least {
			kits[name] = nil
		}
	}
	return kits
}
