package picture

import "errors"

// huffmanTable decodes codes of up to 16 bits: of up to 8 by one look, longer ones by comparing with the greatest code of
// each length.
type huffmanTable struct {
	set     bool
	short   [256]uint16 // length<<8 | value, 0 where the code is longer than 8 bits or there is none
	longest [18]int32   // the greatest code of a length, −1 where there is none
	offset  [17]int32   // added to a code of a length, it is the place of the code's value
	values  [256]uint8
}

func (d *jpegDecoder) huffmanTables(s []byte) error {
	for len(s) > 0 {
		if len(s) < 17 {
			return errors.New("huffman table is cut short")
		}
		class, id := s[0]>>4, s[0]&15
		if class > 1 || id > 3 {
			return errors.New("huffman table of an impossible class or number")
		}
		n := 0
		for _, c := range s[1:17] {
			n += int(c)
		}
		if n > 256 || len(s) < 17+n {
			return errors.New("huffman table is cut short")
		}
		if err := d.huffman[class][id].build(s[1:17], s[17:17+n]); err != nil {
			return err
		}
		s = s[17+n:]
	}
	return nil
}

// build makes the canonical code out of the number of codes of each length and their values.
func (t *huffmanTable) build(counts, values []byte) error {
	*t = huffmanTable{set: true}
	copy(t.values[:], values)
	code, k := int32(0), int32(0)
	for length := 1; length <= 16; length++ {
		count := int32(counts[length-1])
		t.offset[length] = k - code
		t.longest[length] = -1
		if count > 0 {
			if code+count > 1<<length {
				return errors.New("huffman table has more codes than fit")
			}
			t.longest[length] = code + count - 1
		}
		for range count {
			if length <= 8 {
				first := code << (8 - length)
				for i := range int32(1) << (8 - length) {
					t.short[first+i] = uint16(length)<<8 | uint16(t.values[k])
				}
			}
			code++
			k++
		}
		code <<= 1
	}
	t.longest[17] = 1 << 30 // ends the search
	return nil
}

// bitReader reads the entropy-coded part of a scan: it takes out the zeros stuffed after 0xff and stops at a marker. Past
// the end it gives zeros and counts them.
type bitReader struct {
	data []byte
	pos  int
	acc  uint64
	n    uint // bits in acc, the lowest n
	over uint // bits that were made up
}

// fill makes sure of more than 56 bits.
func (b *bitReader) fill() {
	for b.n <= 56 {
		var next byte
		switch {
		case b.pos >= len(b.data):
			b.over += 8
		case b.data[b.pos] != 0xff:
			next = b.data[b.pos]
			b.pos++
		case b.pos+1 < len(b.data) && b.data[b.pos+1] == 0:
			next = 0xff
			b.pos += 2
		default: // a marker
			b.over += 8
		}
		b.acc = b.acc<<8 | uint64(next)
		b.n += 8
	}
}

// exhausted says whether bits were used that the file does not have.
func (b *bitReader) exhausted() bool { return b.over > b.n }

// reset drops what is left of a byte, and what was read ahead, at a restart marker or the end of a scan.
func (b *bitReader) reset() { b.acc, b.n, b.over = 0, 0, 0 }

func (b *bitReader) bit() int32 {
	if b.n == 0 {
		b.fill()
	}
	b.n--
	return int32(b.acc>>b.n) & 1
}

// bits reads up to 16 bits.
func (b *bitReader) bits(n uint) int32 {
	if b.n < n {
		b.fill()
	}
	b.n -= n
	return int32(b.acc>>b.n) & (1<<n - 1)
}

// extended reads n bits of a number whose leading bit is 0 when it is negative.
func (b *bitReader) extended(n uint) int32 {
	if n == 0 {
		return 0
	}
	v := b.bits(n)
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

var errHuffmanCode = errors.New("bad huffman code")

func (b *bitReader) symbol(t *huffmanTable) (uint8, error) {
	if b.n < 16 {
		b.fill()
	}
	if e := t.short[uint8(b.acc>>(b.n-8))]; e != 0 {
		b.n -= uint(e >> 8)
		return uint8(e), nil
	}
	for length := uint(9); length <= 16; length++ {
		code := int32(b.acc>>(b.n-length)) & (1<<length - 1)
		if code <= t.longest[length] {
			b.n -= length
			return t.values[uint8(code+t.offset[length])], nil
		}
	}
	return 0, errHuffmanCode
}
