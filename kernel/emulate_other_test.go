//go:build !amd64 || purego

package kernel

func realKits() map[string]*kit {
	return map[string]*kit{"f32": nil, "vdpbf16ps": nil, "vpdpbusd": nil, "tdpbf16ps": nil}
}
