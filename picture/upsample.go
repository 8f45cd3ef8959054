package picture

// plane is one channel of a JPEG picture, often stored at less than the picture's size.
type plane struct {
	pix    []uint8
	stride int
	w, h   int // samples that count; the rest of a row is padding of the block grid
}

func (p *plane) row(y int) []uint8 {
	y = min(max(y, 0), p.h-1)
	return p.pix[y*p.stride : y*p.stride+p.w]
}

// upsampler widens a plane's rows to the picture's width, as libjpeg's "fancy upsampling" does: a triangle filter where
// the ratio is 2 and the plane is wide enough, repetition elsewhere.
type upsampler struct {
	plane
	sx, sy int // the picture's samples for each of the plane's
	out    []uint8
	sums   []int32
}

func newUpsampler(p plane, sx, sy int) *upsampler {
	return &upsampler{plane: p, sx: sx, sy: sy, out: make([]uint8, p.w*sx+2), sums: make([]int32, p.w)}
}

// line returns the plane's samples for the picture's row y; the slice is good until the next call.
func (u *upsampler) line(y int) []uint8 {
	// libjpeg falls back to repetition for planes of one or two columns.
	fancy := u.w > 2
	switch {
	case u.sx == 1 && u.sy == 1:
		return u.row(y)
	case u.sx == 2 && u.sy == 1 && fancy:
		h2v1(u.out, u.row(y))
	case u.sx == 2 && u.sy == 2 && fancy:
		near := y/2 - 1
		if y&1 == 1 {
			near = y/2 + 1
		}
		u.h2v2(u.row(y/2), u.row(near))
	case u.sx == 1 && u.sy == 2:
		near, bias := y/2-1, 1
		if y&1 == 1 {
			near, bias = y/2+1, 2
		}
		a, b := u.row(y/2), u.row(near)
		for i := range a {
			u.out[i] = uint8((3*int(a[i]) + int(b[i]) + bias) >> 2)
		}
	default:
		src := u.row(y / u.sy)
		for i, v := range src {
			for k := range u.sx {
				u.out[i*u.sx+k] = v
			}
		}
	}
	return u.out
}

// h2v1 gives each sample three quarters of its own column and one quarter of the nearer neighbour; the rounding
// alternates so that it does not drift.
func h2v1(dst, src []uint8) {
	n := len(src)
	dst[0] = src[0]
	for i := range n - 1 {
		a, b := int(src[i]), int(src[i+1])
		dst[2*i+1] = uint8((3*a + b + 2) >> 2)
		dst[2*i+2] = uint8((a + 3*b + 1) >> 2)
	}
	dst[2*n-1] = src[n-1]
}

// h2v2 is the same triangle in both directions, at sixteenths.
func (u *upsampler) h2v2(here, near []uint8) {
	n := len(here)
	sums := u.sums[:n]
	for i, v := range here {
		sums[i] = 3*int32(v) + int32(near[i])
	}
	dst := u.out[:2*n]
	dst[0] = uint8((4*sums[0] + 8) >> 4)
	for i := range n - 1 {
		a, b := sums[i], sums[i+1]
		dst[2*i+1] = uint8((3*a + b + 7) >> 4)
		dst[2*i+2] = uint8((a + 3*b + 8) >> 4)
	}
	dst[2*n-1] = uint8((4*sums[n-1] + 7) >> 4)
}
