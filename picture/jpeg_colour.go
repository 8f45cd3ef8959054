package picture

// Each of these turns a row of channels, one slice a channel, into a row of RGBA.

func greyLine(dst []uint8, lines [][]uint8) {
	grey := lines[0]
	for x := range len(dst) / 4 {
		p := dst[4*x : 4*x+4 : 4*x+4]
		p[0], p[1], p[2], p[3] = grey[x], grey[x], grey[x], 255
	}
}

func rgbLine(dst []uint8, lines [][]uint8) {
	r, g, b := lines[0], lines[1], lines[2]
	for x := range len(dst) / 4 {
		p := dst[4*x : 4*x+4 : 4*x+4]
		p[0], p[1], p[2], p[3] = r[x], g[x], b[x], 255
	}
}

func yccLine(dst []uint8, lines [][]uint8) {
	n := len(dst) / 4
	luma, cb, cr := lines[0][:n], lines[1][:n], lines[2][:n]
	for x := range luma {
		p := dst[4*x : 4*x+4 : 4*x+4]
		p[0], p[1], p[2] = yccToRGB(luma[x], cb[x], cr[x])
		p[3] = 255
	}
}

// cmykLine takes all four inks for inverted, as Adobe writes them and Pillow assumes.
func cmykLine(dst []uint8, lines [][]uint8) {
	for x := range len(dst) / 4 {
		p := dst[4*x : 4*x+4 : 4*x+4]
		p[0], p[1], p[2] = cmykToRGB(255-lines[0][x], 255-lines[1][x], 255-lines[2][x], 255-lines[3][x])
		p[3] = 255
	}
}

// inkLine takes the inks as they are.
func inkLine(dst []uint8, lines [][]uint8) {
	for x := range len(dst) / 4 {
		p := dst[4*x : 4*x+4 : 4*x+4]
		p[0], p[1], p[2] = cmykToRGB(lines[0][x], lines[1][x], lines[2][x], lines[3][x])
		p[3] = 255
	}
}

// ycckLine: the first three channels give, as if they were YCbCr, the red, green and blue whose opposites are the inverted
// inks; both inversions cancel.
func ycckLine(dst []uint8, lines [][]uint8) {
	for x := range len(dst) / 4 {
		p := dst[4*x : 4*x+4 : 4*x+4]
		c, m, y := yccToRGB(lines[0][x], lines[1][x], lines[2][x])
		p[0], p[1], p[2] = cmykToRGB(c, m, y, 255-lines[3][x])
		p[3] = 255
	}
}

// Tables of libjpeg's YCbCr to RGB, 16 fractional bits: what Cr adds to red, Cb to blue, and both to green.
var redOfCr, greenOfCr, greenOfCb, blueOfCb = func() (r, gr, gb, b [256]int32) {
	for i := range 256 {
		x := int32(i - 128)
		r[i] = (91881*x + 1<<15) >> 16
		gr[i] = -46802 * x
		gb[i] = -22554*x + 1<<15
		b[i] = (116130*x + 1<<15) >> 16
	}
	return
}()

// yccToRGB turns one pixel of full-range YCbCr into RGB as libjpeg does.
func yccToRGB(y, cb, cr uint8) (r, g, b uint8) {
	v := int32(y)
	return clamp8(v + redOfCr[cr]), clamp8(v + (greenOfCb[cb]+greenOfCr[cr])>>16), clamp8(v + blueOfCb[cb])
}

// cmykToRGB is Pillow's conversion without a colour profile.
func cmykToRGB(c, m, y, k uint8) (r, g, b uint8) {
	light := 255 - int32(k)
	ink := func(v uint8) uint8 {
		t := int32(v)*light + 128
		return clamp8(light - (t>>8+t)>>8)
	}
	return ink(c), ink(m), ink(y)
}

func clamp8(v int32) uint8 {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return uint8(v)
}
