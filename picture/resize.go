package picture

import (
	"fmt"
	"math"
)

// Filter is a way of resampling; the numbers are Pillow's and those of a processor's configuration.
type Filter int

// The filters, by Pillow's numbers.
const (
	Nearest  Filter = 0
	Lanczos  Filter = 1
	Bilinear Filter = 2
	Bicubic  Filter = 3
	Box      Filter = 4
	Hamming  Filter = 5
)

var filterNames = [...]string{"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}

func (f Filter) String() string {
	if f < 0 || int(f) >= len(filterNames) {
		return fmt.Sprintf("Filter(%d)", int(f))
	}
	return filterNames[f]
}

// valid says whether the number is one of the filters.
func (f Filter) valid() bool { return f >= 0 && int(f) < len(filterNames) }

// kernel returns the filter's weight at distance x and how far it reaches, both in source pixels at scale 1.
// The conversions keep a compiler from fusing a product and a sum, which would round once instead of twice.
func (f Filter) kernel() (weight func(x float64) float64, support float64) {
	switch f {
	case Lanczos:
		return func(x float64) float64 {
			if x < -3 || x >= 3 {
				return 0
			}
			return sinc(x) * sinc(x/3)
		}, 3
	case Bilinear:
		return func(x float64) float64 { return max(1-math.Abs(x), 0) }, 1
	case Bicubic:
		const a = -0.5
		return func(x float64) float64 {
			x = math.Abs(x)
			if x < 1 {
				return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
			}
			if x < 2 {
				return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
			}
			return 0
		}, 2
	case Box:
		return func(x float64) float64 {
			if x > -0.5 && x <= 0.5 {
				return 1
			}
			return 0
		}, 0.5
	case Hamming:
		return func(x float64) float64 {
			x = math.Abs(x)
			if x == 0 {
				return 1
			}
			if x >= 1 {
				return 0
			}
			x *= math.Pi
			return math.Sin(x) / x * (0.54 + float64(0.46*math.Cos(x)))
		}, 1
	}
	panic(fmt.Sprintf("picture: no kernel for filter %v", f))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// precision is the number of fractional bits of a weight: 8 of 32 for the sample, 2 for the sign and for overshoot.
const precision = 32 - 8 - 2

// taps are the weights of one axis, for a stretch of its outputs: the i-th of them is the sum of
// weight[i*most+k] * input[first[i]+k] for k < count[i].
type taps struct {
	most         int
	first, count []int
	weight       []int32
}

// newTaps makes the taps of the outputs from to from+n, of out in all.
func newTaps(in, out, from, n int, f Filter) taps {
	weight, support := f.kernel()
	scale := float64(in) / float64(out)
	spread := max(scale, 1) // shrinking, the filter widens to cover what it averages
	support *= spread
	most := int(math.Ceil(support))*2 + 1
	t := taps{most: most, first: make([]int, n), count: make([]int, n), weight: make([]int32, n*most)}
	w := make([]float64, most)
	for i := range n {
		centre := (float64(from+i) + 0.5) * scale
		lo := max(int(centre-support+0.5), 0)
		hi := min(int(centre+support+0.5), in)
		var sum float64
		for k := range hi - lo {
			w[k] = weight((float64(k+lo) - centre + 0.5) * (1 / spread))
			sum += w[k]
		}
		for k := range hi - lo {
			v := w[k]
			if sum != 0 {
				v /= sum
			}
			v *= 1 << precision
			if v < 0 {
				t.weight[i*most+k] = int32(v - 0.5)
			} else {
				t.weight[i*most+k] = int32(v + 0.5)
			}
		}
		t.first[i], t.count[i] = lo, hi-lo
	}
	return t
}

// Parallel runs body over [0,n) in pieces, perhaps at the same time. nil runs it at once in one piece.
type Parallel func(n int, body func(lo, hi int))

func (p Parallel) do(n int, body func(lo, hi int)) {
	if p == nil {
		body(0, n)
		return
	}
	p(n, body)
}

// Resize returns the picture at w by h pixels, equal to Pillow's resize to the bit, however the rows are split.
// It panics on a size below 1 or an unknown filter.
func (m *Image) Resize(w, h int, f Filter, par Parallel) *Image {
	if w == m.W && h == m.H {
		return &Image{W: w, H: h, Pix: append([]uint8(nil), m.Pix...)}
	}
	return &Image{W: w, H: h, Pix: resample(m.Pix, m.W, m.H, 3, w, h, f, par)}
}

// Resize is Image.Resize with transparency: colours are weighted by their alpha, as Pillow does for RGBA.
func (m *RGBA) Resize(w, h int, f Filter, par Parallel) *RGBA {
	if w == m.W && h == m.H {
		return &RGBA{W: w, H: h, Pix: append([]uint8(nil), m.Pix...)}
	}
	if f == Nearest {
		return &RGBA{W: w, H: h, Pix: resample(m.Pix, m.W, m.H, 4, w, h, f, par)}
	}
	out := &RGBA{W: w, H: h, Pix: resample(premultiply(m.Pix), m.W, m.H, 4, w, h, f, par)}
	unmultiply(out.Pix)
	return out
}

func premultiply(pix []uint8) []uint8 {
	out := make([]uint8, len(pix))
	for i := 0; i < len(pix); i += 4 {
		a := uint32(pix[i+3])
		for c := range 3 {
			t := uint32(pix[i+c])*a + 128
			out[i+c] = uint8((t>>8 + t) >> 8)
		}
		out[i+3] = pix[i+3]
	}
	return out
}

func unmultiply(pix []uint8) {
	for i := 0; i < len(pix); i += 4 {
		a := int32(pix[i+3])
		if a == 0 || a == 255 {
			continue
		}
		for c := range 3 {
			pix[i+c] = clamp8(255 * int32(pix[i+c]) / a)
		}
	}
}

// window is the part of a result that is wanted.
type window struct{ x, y, w, h int }

// resample is resampleWindow for the whole result.
func resample(src []uint8, sw, sh, channels, w, h int, f Filter, par Parallel) []uint8 {
	return resampleWindow(src, sw, sh, channels, w, h, window{0, 0, w, h}, f, par)
}

// resampleWindow does one axis after the other, with 8 bits between them. An axis whose size stays is skipped.
func resampleWindow(src []uint8, sw, sh, channels, w, h int, want window, f Filter, par Parallel) []uint8 {
	if w < 1 || h < 1 || !f.valid() {
		panic(fmt.Sprintf("picture: resize %d×%d to %d×%d by %v", sw, sh, w, h, f))
	}
	if f == Nearest {
		return nearest(src, sw, sh, channels, w, h, want)
	}
	var across, down taps
	if w != sw {
		across = newTaps(sw, w, want.x, want.w, f)
	}
	if h != sh {
		down = newTaps(sh, h, want.y, want.h, f)
	}
	if verticalFirst(sw, sh, w, h) {
		src = down.vertical(src, sw*channels, 0, par)
		return across.horizontal(src, sw, want.h, channels, want, par)
	}
	// The horizontal pass is done for the rows that the vertical one reads.
	from, to := want.y, want.y+want.h
	if h != sh {
		last := len(down.first) - 1
		from, to = down.first[0], down.first[last]+down.count[last]
	}
	src = across.horizontal(src[from*sw*channels:to*sw*channels], sw, to-from, channels, want, par)
	if h == sh {
		return src
	}
	return down.vertical(src, want.w*channels, from, par)
}

// verticalFirst is the order that Pillow 13 takes; before 13 it always began with the rows. It shows, by a level here and
// there, because the samples between the passes are rounded. The rule was found by trying sizes, and held for all of 1,479.
func verticalFirst(sw, sh, w, h int) bool { return sh > h && sh-h > 2*(sw-w) }

// horizontal makes the wanted columns of some rows; taps that were not made stand for an axis that stays as it is.
func (t *taps) horizontal(src []uint8, sw, rows, channels int, want window, par Parallel) []uint8 {
	if t.first == nil && want.w == sw {
		return src
	}
	stride := want.w * channels
	out := make([]uint8, rows*stride)
	par.do(rows, func(lo, hi int) {
		for y := lo; y < hi; y++ {
			row, dst := src[y*sw*channels:(y+1)*sw*channels], out[y*stride:(y+1)*stride]
			switch {
			case t.first == nil:
				copy(dst, row[want.x*channels:])
			case channels == 3:
				t.row3(dst, row)
			default:
				t.row4(dst, row)
			}
		}
	})
	return out
}

// vertical treats a row as stride independent samples; src begins at the row from.
func (t *taps) vertical(src []uint8, stride, from int, par Parallel) []uint8 {
	out := make([]uint8, len(t.first)*stride)
	par.do(len(t.first), func(lo, hi int) {
		sums := make([]int32, stride)
		for y := lo; y < hi; y++ {
			t.column(out[y*stride:(y+1)*stride], src, y, from, sums)
		}
	})
	return out
}

func (t *taps) row3(dst, src []uint8) {
	for i, first := range t.first {
		weights := t.weight[i*t.most : i*t.most+t.count[i]]
		in := src[3*first : 3*(first+len(weights))]
		r, g, b := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
		for ; len(weights) >= 4; weights, in = weights[4:], in[12:] {
			// Four taps with one check of bounds.
			k, p := (*[4]int32)(weights), (*[12]uint8)(in)
			r += k[0]*int32(p[0]) + k[1]*int32(p[3]) + k[2]*int32(p[6]) + k[3]*int32(p[9])
			g += k[0]*int32(p[1]) + k[1]*int32(p[4]) + k[2]*int32(p[7]) + k[3]*int32(p[10])
			b += k[0]*int32(p[2]) + k[1]*int32(p[5]) + k[2]*int32(p[8]) + k[3]*int32(p[11])
		}
		for _, k := range weights {
			p := (*[3]uint8)(in)
			r += k * int32(p[0])
			g += k * int32(p[1])
			b += k * int32(p[2])
			in = in[3:]
		}
		q := (*[3]uint8)(dst[3*i:])
		q[0], q[1], q[2] = clamp8(r>>precision), clamp8(g>>precision), clamp8(b>>precision)
	}
}

func (t *taps) row4(dst, src []uint8) {
	for i, first := range t.first {
		weights := t.weight[i*t.most : i*t.most+t.count[i]]
		in := src[4*first : 4*(first+len(weights))]
		r, g, b, a := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
		for ; len(weights) >= 4; weights, in = weights[4:], in[16:] {
			k, p := (*[4]int32)(weights), (*[16]uint8)(in)
			r += k[0]*int32(p[0]) + k[1]*int32(p[4]) + k[2]*int32(p[8]) + k[3]*int32(p[12])
			g += k[0]*int32(p[1]) + k[1]*int32(p[5]) + k[2]*int32(p[9]) + k[3]*int32(p[13])
			b += k[0]*int32(p[2]) + k[1]*int32(p[6]) + k[2]*int32(p[10]) + k[3]*int32(p[14])
			a += k[0]*int32(p[3]) + k[1]*int32(p[7]) + k[2]*int32(p[11]) + k[3]*int32(p[15])
		}
		for _, k := range weights {
			p := (*[4]uint8)(in)
			r += k * int32(p[0])
			g += k * int32(p[1])
			b += k * int32(p[2])
			a += k * int32(p[3])
			in = in[4:]
		}
		q := (*[4]uint8)(dst[4*i:])
		q[0], q[1], q[2], q[3] = clamp8(r>>precision), clamp8(g>>precision), clamp8(b>>precision), clamp8(a>>precision)
	}
}

// column makes output row y out of the rows that it reads, each as long as sums; src begins at the row from.
func (t *taps) column(dst, src []uint8, y, from int, sums []int32) {
	for i := range sums {
		sums[i] = 1 << (precision - 1)
	}
	weights := t.weight[y*t.most : y*t.most+t.count[y]]
	rows := src[(t.first[y]-from)*len(sums):]
	for ; len(weights) >= 4; weights, rows = weights[4:], rows[4*len(sums):] {
		n := len(sums)
		a, b, c, d := weights[0], weights[1], weights[2], weights[3]
		ra, rb, rc, rd := rows[:n], rows[n:][:n], rows[2*n:][:n], rows[3*n:][:n]
		for i := range sums {
			sums[i] += a*int32(ra[i]) + b*int32(rb[i]) + c*int32(rc[i]) + d*int32(rd[i])
		}
	}
	for ; len(weights) > 0; weights, rows = weights[1:], rows[len(sums):] {
		row := rows[:len(sums)]
		for i := range sums {
			sums[i] += weights[0] * int32(row[i])
		}
	}
	for i, v := range sums {
		dst[i] = clamp8(v >> precision)
	}
}

// nearest picks the source pixel under the centre of each output pixel.
func nearest(src []uint8, sw, sh, channels, w, h int, want window) []uint8 {
	out := make([]uint8, 0, want.w*want.h*channels)
	columns := centres(sw, w, want.x, want.w)
	for _, y := range centres(sh, h, want.y, want.h) {
		row := src[y*sw*channels:]
		for _, x := range columns {
			out = append(out, row[x*channels:(x+1)*channels]...)
		}
	}
	return out
}

// centres steps from centre to centre, as Pillow does: the sum of steps is rounded otherwise than a product, and it shows
// where a centre lies between two pixels.
func centres(in, out, from, n int) []int {
	places := make([]int, 0, n)
	step := float64(in) / float64(out)
	at := step * 0.5
	for i := range from + n {
		if i >= from {
			places = append(places, min(int(at), in-1))
		}
		at += step
	}
	return places
}
