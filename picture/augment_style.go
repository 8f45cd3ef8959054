package picture

import "math"

// luma is brightness in 0 to 255, with 16 fractional bits in between.
func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

// grey takes the colours away.
func (m *RGBA) grey() {
	for i := 0; i < len(m.Pix); i += 4 {
		v := luma(m.Pix[i], m.Pix[i+1], m.Pix[i+2])
		m.Pix[i], m.Pix[i+1], m.Pix[i+2] = v, v, v
	}
}

// outline keeps the edges, dark, of what the picture would show on white, and makes all else pale.
func (m *RGBA) outline() {
	shade := make([]int32, m.W*m.H)
	for i := range shade {
		p := m.Pix[4*i : 4*i+4]
		shade[i] = int32(blend(uint32(luma(p[0], p[1], p[2])), 255, uint32(p[3])))
	}
	at := func(x, y int) int32 {
		return shade[min(max(y, 0), m.H-1)*m.W+min(max(x, 0), m.W-1)]
	}
	for y := range m.H {
		for x := range m.W {
			across := at(x+1, y-1) + 2*at(x+1, y) + at(x+1, y+1) - at(x-1, y-1) - 2*at(x-1, y) - at(x-1, y+1)
			down := at(x-1, y+1) + 2*at(x, y+1) + at(x+1, y+1) - at(x-1, y-1) - 2*at(x, y-1) - at(x+1, y-1)
			p := m.Pix[4*(y*m.W+x):]
			// The sum of absolute slopes is no worse than their length for a drawing; twice it, because enlarged edges are soft.
			v := clamp8(250 - 2*(max(across, -across)+max(down, -down)))
			p[0], p[1], p[2] = v, v, v
		}
	}
}

// flatColours takes texture away: colours are averaged over 5×5 pixels and rounded to a few levels a channel.
func (m *RGBA) flatColours(levels int) {
	blur(m.Pix, m.W, m.H, 4, 3, 2)
	step := 255 / float64(levels-1)
	var table [256]uint8
	for v := range table {
		table[v] = uint8(math.Round(math.Round(float64(v)/step) * step))
	}
	for i := 0; i < len(m.Pix); i += 4 {
		m.Pix[i], m.Pix[i+1], m.Pix[i+2] = table[m.Pix[i]], table[m.Pix[i+1]], table[m.Pix[i+2]]
	}
}

// jitter changes brightness and contrast by up to 30 %, saturation by up to 50 % and hue by up to 20°, all in one matrix.
func (m *RGBA) jitter(d *dice) {
	contrast, bright := d.between(0.7, 1.3), d.between(-40, 40)
	saturation, hue := d.between(0.5, 1.5), d.between(-20, 20)*math.Pi/180
	// In YIQ a turn of hue is a rotation of the colour plane and saturation its length; the rows give I and Q and take
	// them back to red, green and blue.
	toIQ := [2][3]float64{{0.596, -0.274, -0.322}, {0.211, -0.523, 0.312}}
	fromIQ := [3][2]float64{{0.956, 0.621}, {-0.272, -0.647}, {-1.106, 1.703}}
	cos, sin := math.Cos(hue)*saturation, math.Sin(hue)*saturation
	var matrix [3][3]int32 // 16 fractional bits
	for c := range 3 {
		for k, y := range [3]float64{0.299, 0.587, 0.114} {
			i, q := toIQ[0][k], toIQ[1][k]
			ri, rq := float64(i*cos)-float64(q*sin), float64(i*sin)+float64(q*cos)
			v := y + float64(fromIQ[c][0]*ri) + float64(fromIQ[c][1]*rq)
			matrix[c][k] = int32(math.Round(v * contrast * (1 << 16)))
		}
	}
	offset := int32(math.Round((128-float64(128*contrast)+bright)*(1<<16))) + 1<<15
	for i := 0; i < len(m.Pix); i += 4 {
		p := m.Pix[i : i+4 : i+4]
		r, g, b := int32(p[0]), int32(p[1]), int32(p[2])
		for c := range 3 {
			row := &matrix[c]
			p[c] = clamp8((row[0]*r + row[1]*g + row[2]*b + offset) >> 16)
		}
	}
}

// boxBlur averages each pixel with those up to radius away in both directions, in place.
func (m *Image) boxBlur(radius int) { blur(m.Pix, m.W, m.H, 3, 3, radius) }

// blur averages the first channels of pixels that have stride samples, along rows and then along columns.
func blur(pix []uint8, w, h, stride, channels, radius int) {
	line := make([]uint8, max(w, h))
	for y := range h {
		for c := range channels {
			blurLine(pix[y*w*stride+c:], line[:w], stride, radius)
		}
	}
	for x := range w {
		for c := range channels {
			blurLine(pix[x*stride+c:], line[:h], w*stride, radius)
		}
	}
}

// blurLine runs a window over len(line) samples that lie step apart; at the ends the window is what there is of it.
func blurLine(pix []uint8, line []uint8, step, radius int) {
	for i := range line {
		line[i] = pix[i*step]
	}
	sum, count := 0, 0
	for i := range min(radius, len(line)) {
		sum += int(line[i])
		count++
	}
	for i := range line {
		if i+radius < len(line) {
			sum += int(line[i+radius])
			count++
		}
		if i-radius > 0 {
			sum -= int(line[i-radius-1])
			count--
		}
		pix[i*step] = uint8((sum + count/2) / count)
	}
}

// rotate turns the picture about its centre, into a canvas that holds all of it; between pixels it interpolates linearly.
func (m *RGBA) rotate(degrees float64) *RGBA {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w := int(math.Ceil(math.Abs(float64(m.W)*cos) + math.Abs(float64(m.H)*sin)))
	h := int(math.Ceil(math.Abs(float64(m.W)*sin) + math.Abs(float64(m.H)*cos)))
	out := NewRGBA(w, h)
	src := premultiply(m.Pix)
	const one = 1 << 16
	dx, dy := int64(math.Round(cos*one)), int64(math.Round(sin*one))
	for y := range h {
		// The centre of the row's first pixel, seen from the middle, turned back, in source pixels of one.
		fx, fy := 0.5-float64(w)/2, float64(y)+0.5-float64(h)/2
		sx := int64(math.Round((float64(fx*cos) - float64(fy*sin) + float64(m.W)/2 - 0.5) * one))
		sy := int64(math.Round((float64(fx*sin) + float64(fy*cos) + float64(m.H)/2 - 0.5) * one))
		for x := range w {
			m.between(out.Pix[4*(y*w+x):], src, sx, sy)
			sx, sy = sx+dx, sy+dy
		}
	}
	unmultiply(out.Pix)
	return out
}

// between writes the mean of the four source pixels around a point; outside of the picture all is transparent.
func (m *RGBA) between(dst, src []uint8, sx, sy int64) {
	x, y := int(sx>>16), int(sy>>16)
	if x < -1 || y < -1 || x >= m.W || y >= m.H {
		return
	}
	fx, fy := uint32(sx&0xffff)>>8, uint32(sy&0xffff)>>8
	var sum [4]uint32
	for k := range 4 {
		px, py := x+k&1, y+k>>1
		if px < 0 || py < 0 || px >= m.W || py >= m.H {
			continue
		}
		wx, wy := 256-fx, 256-fy
		if k&1 == 1 {
			wx = fx
		}
		if k>>1 == 1 {
			wy = fy
		}
		p := src[4*(py*m.W+px):]
		for c := range sum {
			sum[c] += wx * wy * uint32(p[c])
		}
	}
	for c := range sum {
		dst[c] = uint8((sum[c] + 1<<15) >> 16)
	}
}
