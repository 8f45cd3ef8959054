//go:build amd64 && !purego

package kernel

// convertAVX2 says that this machine has what the conversions are written for. They round as the Go loops do, bit for bit, so that
// they serve every engine.
var convertAVX2 = func() bool {
	best, _ := detect()
	return best >= AVX2
}()

// decode widens as many of the first elements as it has a vector loop for, and says how many.
func decode(d DType, dst []float32, src []byte) int {
	n := len(dst) &^ 7
	if !convertAVX2 || n == 0 || !decodeBlocks(d, &dst[0], &src[0], d.RowBytes(32), n) {
		return 0
	}
	return n
}

// decodeColumns is decode of 32 columns of a matrix, whose rows stand stride bytes apart; it says whether there is a vector loop.
func decodeColumns(d DType, dst *float32, src *byte, stride, rows int) bool {
	return convertAVX2 && decodeBlocks(d, dst, src, stride, 32*rows)
}

// decodeBlocks widens n elements in blocks of 32, step bytes from one to the next, if it has a vector loop for them.
func decodeBlocks(d DType, dst *float32, src *byte, step, n int) bool {
	switch d {
	case F16:
		decodeF16AVX2(dst, src, step, n)
	case BF16:
		decodeBF16AVX2(dst, src, step, n)
	case Q8_0:
		decodeQ80AVX2(dst, src, step, n)
	case Q4_0:
		decodeQ40AVX2(dst, src, step, n)
	case Q4_1:
		decodeQ41AVX2(dst, src, step, n)
	default:
		return false
	}
	return true
}

// encode rounds as many of the first elements as it has a vector loop for, and says how many.
func encode(d DType, dst []byte, src []float32) int {
	n := len(src) &^ 7
	if !convertAVX2 || n == 0 {
		return 0
	}
	blocks := encodeQ80AVX2
	switch d {
	case F16:
		encodeF16AVX2(&dst[0], &src[0], n)
		return n
	case BF16:
		encodeBF16AVX2(&dst[0], &src[0], n)
		return n
	case Q8_0:
	case Q4_0:
		blocks = encodeQ40AVX2
	case Q4_1:
		blocks = encodeQ41AVX2
	default:
		return 0
	}
	for at := 0; at < n; {
		at += 32 * blocks(&dst[d.RowBytes(at)], &src[at], (n-at)/32)
		if at < n { // a block that is not for vectors
			encodeGeneric(d, dst[d.RowBytes(at):], src[at:at+32])
			at += 32
		}
	}
	return n
}

//lint:file-ignore U1000 The assembly reads the order.

// fourthByFourth puts back in order what two packings of vectors of eight have mixed.
var fourthByFourth = [8]int32{0, 4, 1, 5, 2, 6, 3, 7}

// The Go loops are decodeGeneric's and encodeGeneric's.

//go:noescape
func decodeF16AVX2(dst *float32, src *byte, step, n int)

//go:noescape
func decodeBF16AVX2(dst *float32, src *byte, step, n int)

//go:noescape
func decodeQ80AVX2(dst *float32, src *byte, step, n int)

//go:noescape
func decodeQ40AVX2(dst *float32, src *byte, step, n int)

//go:noescape
func decodeQ41AVX2(dst *float32, src *byte, step, n int)

//go:noescape
func encodeF16AVX2(dst *byte, src *float32, n int)

//go:noescape
func encodeBF16AVX2(dst *byte, src *float32, n int)

//go:noescape
func encodeQ80AVX2(dst *byte, src *float32, blocks int) (done int)

//go:noescape
func encodeQ40AVX2(dst *byte, src *float32, blocks int) (done int)

//go:noescape
func encodeQ41AVX2(dst *byte, src *float32, blocks int) (done int)
