package kernel

import (
	"fmt"
	"unsafe"
)

// DType is how the numbers of a matrix are stored. Activations are always F32; weights are any of these.
type DType uint8

// The stored types that kernels read as they lie. The blocks of Q8_0, Q4_0 and Q4_1 are GGML's: 32 elements along a row,
// little endian; Q8_0 is an f16 scale d and 32 int8, x = d·q; Q4_0 an f16 d and 16 bytes, x = d·(q−8);
// Q4_1 an f16 d, an f16 m and 16 bytes, x = d·q + m (low nibbles are elements 0–15, high nibbles 16–31).
const (
	F32 DType = iota
	F16
	BF16
	Q8_0
	Q4_0
	Q4_1
	numDTypes
)

var dtypeInfo = [numDTypes]struct {
	name         string
	elems, bytes int
}{
	F32:  {"f32", 1, 4},
	F16:  {"f16", 1, 2},
	BF16: {"bf16", 1, 2},
	Q8_0: {"q8_0", 32, 34},
	Q4_0: {"q4_0", 32, 18},
	Q4_1: {"q4_1", 32, 20},
}

// String is the type's name as GGUF and the command line spell it.
func (d DType) String() string {
	if d < numDTypes {
		return dtypeInfo[d].name
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// ParseDType reads a name as String writes it.
func ParseDType(s string) (DType, error) {
	for d := range numDTypes {
		if dtypeInfo[d].name == s {
			return d, nil
		}
	}
	return 0, fmt.Errorf("unknown dtype %q (f32, f16, bf16, q8_0, q4_0 or q4_1)", s)
}

// BlockLen is how many elements share a block: 32 for the quantised types, else 1. Rows are whole blocks.
func (d DType) BlockLen() int { return dtypeInfo[d].elems }

// BlockBytes is the size of a block in bytes.
func (d DType) BlockBytes() int { return dtypeInfo[d].bytes }

// RowBytes is the size of a row of n elements in bytes; n is a multiple of BlockLen.
func (d DType) RowBytes(n int) int { return n / dtypeInfo[d].elems * dtypeInfo[d].bytes }

// Mat is a matrix as it lies in memory or in a mapped file: Rows rows of Cols elements, row-major, from any alignment.
// The bytes are never written through a Mat unless it was made from float32 values that its holder owns.
type Mat struct {
	DType      DType
	Rows, Cols int
	Stride     int    // bytes from one row to the next
	Data       []byte // at least (Rows−1)·Stride + RowBytes(Cols) bytes
	Eights     bool   // eight rows at a time lie in each other's way, as InEights lays them out
}

// MatOf views stored bytes as a matrix whose rows follow one another without gaps.
func MatOf(d DType, rows, cols int, data []byte) Mat {
	return Mat{DType: d, Rows: rows, Cols: cols, Stride: d.RowBytes(cols), Data: data}
}

// MatF32 views float32 values as a matrix with ld elements from one row to the next.
func MatF32(x []float32, rows, cols, ld int) Mat {
	return Mat{DType: F32, Rows: rows, Cols: cols, Stride: 4 * ld, Data: Bytes(x)}
}

// Row is the bytes of row i, of a matrix that does not lie in eights.
func (m Mat) Row(i int) []byte {
	at := i * m.Stride
	return m.Data[at : at+m.DType.RowBytes(m.Cols)]
}

// Bytes views float32 values as bytes.
func Bytes(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

// Floats views bytes as float32 values; ok is false where the bytes are not aligned for it.
func Floats(b []byte) (x []float32, ok bool) {
	if len(b) < 4 {
		return nil, len(b) == 0
	}
	p := unsafe.Pointer(&b[0])
	if uintptr(p)%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(p), len(b)/4), true
}
