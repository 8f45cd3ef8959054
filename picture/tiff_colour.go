package picture

import (
	"fmt"
	"math"
)

// What the samples of a TIFF picture mean.
const (
	photoWhiteIsZero = 0
	photoBlackIsZero = 1
	photoRGB         = 2
	photoPalette     = 3
	photoCMYK        = 5
	photoYCbCr       = 6
)

// What a sample after the colours means.
const (
	extraPremultiplied = 1 // colours are multiplied by it
	extraAlpha         = 2
	extraPillow        = 999 // a Pillow of long ago
)

// colours picks how a row of samples becomes a row of RGBA.
func (t *tiffFile) colours() (func(dst []uint8, row []uint32), error) {
	if t.compression == compressionJPEG {
		if t.bits != 8 || t.planar {
			return nil, unsupported("JPEG blocks of %d bits, or in planes,", t.bits)
		}
		switch known := map[int]int{photoBlackIsZero: 1, photoRGB: 3, photoCMYK: 4, photoYCbCr: 3}[t.photometric]; {
		case known == 0:
			return nil, unsupported("JPEG blocks of colour space %d", t.photometric)
		case known != t.samples:
			return nil, unsupported("JPEG blocks of %d samples a pixel", t.samples)
		}
		return nil, nil
	}
	known := map[int]int{photoWhiteIsZero: 1, photoBlackIsZero: 1, photoRGB: 3, photoPalette: 1, photoCMYK: 4}[t.photometric]
	switch {
	case known == 0:
		return nil, unsupported("colour space %d", t.photometric)
	case t.samples < known:
		return nil, fmt.Errorf("%d samples a pixel for colour space %d", t.samples, t.photometric)
	}
	grey := t.photometric <= photoBlackIsZero
	switch t.bits {
	case 1, 2, 4:
		if known > 1 || t.samples > 1 {
			return nil, unsupported("%d samples of %d bits", t.samples, t.bits)
		}
	case 8:
	case 12:
		if t.photometric != photoBlackIsZero || t.samples > 1 {
			return nil, unsupported("colours of 12 bits")
		}
	case 16:
		if t.photometric == photoPalette {
			return nil, unsupported("a palette of 16 bits")
		}
	case 32:
		if !grey || t.samples > 1 {
			return nil, unsupported("colours of 32 bits")
		}
	default:
		return nil, unsupported("samples of %d bits", t.bits)
	}
	extras, err := t.values(tagExtraSamples)
	if err != nil {
		return nil, err
	}
	extra := 0
	switch {
	case t.samples > known && len(extras) > 0:
		extra = extras[0]
	case t.samples == 4 && known == 3:
		extra = extraAlpha // the tag was forgotten
	}
	alpha := func(p []uint32) uint8 {
		switch extra {
		case extraAlpha, extraPremultiplied, extraPillow:
			return t.high(p[known])
		}
		return 255
	}
	var colour func(p []uint32) (r, g, b uint8)
	switch t.photometric {
	case photoRGB:
		colour = func(p []uint32) (r, g, b uint8) { return t.high(p[0]), t.high(p[1]), t.high(p[2]) }
	case photoCMYK:
		colour = func(p []uint32) (r, g, b uint8) {
			return cmykToRGB(t.high(p[0]), t.high(p[1]), t.high(p[2]), t.high(p[3]))
		}
	case photoPalette:
		if colour, err = t.palette(); err != nil {
			return nil, err
		}
	default:
		colour = func(p []uint32) (r, g, b uint8) {
			v := t.grey(p[0])
			return v, v, v
		}
	}
	return func(dst []uint8, row []uint32) {
		for x := range len(dst) / 4 {
			p := row[x*t.samples : (x+1)*t.samples]
			q := dst[4*x : 4*x+4 : 4*x+4]
			q[0], q[1], q[2] = colour(p)
			q[3] = alpha(p)
			if extra == extraPremultiplied {
				for c := range 3 {
					q[c] = clamp8(255 * int32(q[c]) / max(int32(q[3]), 1))
				}
				if q[3] == 0 {
					q[0], q[1], q[2] = 0, 0, 0
				}
			}
		}
	}, nil
}

// high is a sample's 8 highest bits.
func (t *tiffFile) high(v uint32) uint8 { return uint8(v >> (t.bits - 8)) }

// grey is a sample of grey as Pillow's conversion to 8 bits has it, which cuts off what is more than 8 bits.
func (t *tiffFile) grey(v uint32) uint8 {
	switch {
	case t.bits < 8:
		v = v * 255 / (1<<t.bits - 1)
	case t.bits == 32 && t.format == 3:
		f := math.Float32frombits(v)
		if !(f > 0) {
			return 0
		}
		return uint8(min(f, 255))
	case t.bits == 32:
		return clamp8(int32(v))
	case t.bits == 16 && t.format == 2:
		return clamp8(int32(int16(v)))
	case t.bits > 8:
		return uint8(min(v, 255))
	}
	if t.photometric == photoWhiteIsZero {
		v = 255 - v
	}
	return uint8(v)
}

// palette reads the colour map: all reds, all greens, all blues, of 16 bits.
func (t *tiffFile) palette() (func(p []uint32) (r, g, b uint8), error) {
	entries, err := t.values(tagColorMap)
	if err != nil {
		return nil, err
	}
	n := 1 << t.bits
	if len(entries) < 3*n {
		return nil, fmt.Errorf("a colour map of %d numbers for %d colours", len(entries), n)
	}
	return func(p []uint32) (r, g, b uint8) {
		i := int(p[0])
		return uint8(entries[i] >> 8), uint8(entries[n+i] >> 8), uint8(entries[2*n+i] >> 8)
	}, nil
}
