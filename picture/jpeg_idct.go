package picture

// The inverse cosine transform is that of Loeffler, Ligtenberg and Moschytz (1989) with 12 products a line, in libjpeg's
// "slow integer" arithmetic: 13 fractional bits of the constants, 2 more bits between the passes.
const (
	constBits = 13
	passBits  = 2

	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
)

// transformAll makes the samples of a progressive picture, whose coefficients are now complete.
func (d *jpegDecoder) transformAll(c *jpegComponent) {
	for y := range c.blocksH {
		for x := range c.blocksW {
			block := (*[64]int16)(c.coefficients[64*(y*c.blocksW+x):])
			inverseDCT(c.plane[8*(y*8*c.blocksW+x):], 8*c.blocksW, block, &d.quant[c.quant])
		}
	}
	c.coefficients = nil
}

// inverseDCT writes 8×8 samples, rows stride apart, of one block of coefficients in natural order.
func inverseDCT(dst []uint8, stride int, block *[64]int16, quant *[64]int32) {
	var work [64]int32
	for x := range 8 {
		if block[8+x]|block[16+x]|block[24+x]|block[32+x]|block[40+x]|block[48+x]|block[56+x] == 0 {
			v := int32(block[x]) * quant[x] << passBits
			for y := range 8 {
				work[8*y+x] = v
			}
			continue
		}
		var in [8]int32
		for y := range 8 {
			in[y] = int32(block[8*y+x]) * quant[8*y+x]
		}
		even, odd := halves(&in)
		const shift, round = constBits - passBits, 1 << (constBits - passBits - 1)
		for y := range 4 {
			work[8*y+x] = (even[y] + odd[y] + round) >> shift
			work[8*(7-y)+x] = (even[y] - odd[y] + round) >> shift
		}
	}
	for y := range 8 {
		row := (*[8]int32)(work[8*y:])
		out := (*[8]uint8)(dst[y*stride:])
		if row[1]|row[2]|row[3]|row[4]|row[5]|row[6]|row[7] == 0 {
			v := clamp8((row[0]+1<<(passBits+2))>>(passBits+3) + 128)
			*out = [8]uint8{v, v, v, v, v, v, v, v}
			continue
		}
		even, odd := halves(row)
		const shift, round = constBits + passBits + 3, 1 << (constBits + passBits + 2)
		for x := range 4 {
			out[x] = clamp8((even[x]+odd[x]+round)>>shift + 128)
			out[7-x] = clamp8((even[x]-odd[x]+round)>>shift + 128)
		}
	}
}

// halves gives the parts of a line of eight that are equal, and opposite, in both halves of the result.
func halves(in *[8]int32) (even, odd [4]int32) {
	z1 := (in[2] + in[6]) * fix0541196100
	a, b := z1-in[6]*fix1847759065, z1+in[2]*fix0765366865
	c, d := (in[0]+in[4])<<constBits, (in[0]-in[4])<<constBits
	even = [4]int32{c + b, d + a, d - a, c - b}

	t0, t1, t2, t3 := in[7], in[5], in[3], in[1]
	z1, z2, z3, z4 := t0+t3, t1+t2, t0+t2, t1+t3
	z5 := (z3 + z4) * fix1175875602
	z1 *= -fix0899976223
	z2 *= -fix2562915447
	z3 = z5 - z3*fix1961570560
	z4 = z5 - z4*fix0390180644
	odd = [4]int32{
		t3*fix1501321110 + z1 + z4,
		t2*fix3072711026 + z2 + z3,
		t1*fix2053119869 + z2 + z4,
		t0*fix0298631336 + z1 + z3,
	}
	return even, odd
}
