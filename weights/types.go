package weights

import (
	"fmt"

	"dragoman/kernel"
)

// Type is how the elements of a stored tensor are encoded.
type Type uint8

// The stored types. Those from Q4_0 on are GGML's blocks along a row.
const (
	F32 Type = iota
	F64
	F16
	BF16
	I64
	I32
	I16
	I8
	U8
	Bool
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	numTypes
)

// typeInfo holds what differs from type to type: the name (as safetensors or
// GGML write it), the block's elements and bytes, GGML's number (-1 where it
// has none) and the decoder of whole blocks.
var typeInfo = [numTypes]struct {
	name         string
	elems, bytes int
	ggml         int
	decode       func(out []float32, blocks []byte)
}{
	F32:  {"F32", 1, 4, 0, decodeF32},
	F64:  {"F64", 1, 8, 28, decodeF64},
	F16:  {"F16", 1, 2, 1, decodeF16},
	BF16: {"BF16", 1, 2, 30, decodeBF16},
	I64:  {"I64", 1, 8, 27, decodeI64},
	I32:  {"I32", 1, 4, 26, decodeI32},
	I16:  {"I16", 1, 2, 25, decodeI16},
	I8:   {"I8", 1, 1, 24, decodeI8},
	U8:   {"U8", 1, 1, -1, decodeU8},
	Bool: {"BOOL", 1, 1, -1, decodeBool},
	Q4_0: {"Q4_0", 32, 18, 2, decodeQ4_0},
	Q4_1: {"Q4_1", 32, 20, 3, decodeQ4_1},
	Q5_0: {"Q5_0", 32, 22, 6, decodeQ5_0},
	Q5_1: {"Q5_1", 32, 24, 7, decodeQ5_1},
	Q8_0: {"Q8_0", 32, 34, 8, decodeQ8_0},
	Q2_K: {"Q2_K", 256, 84, 10, decodeQ2_K},
	Q3_K: {"Q3_K", 256, 110, 11, decodeQ3_K},
	Q4_K: {"Q4_K", 256, 144, 12, decodeQ4_K},
	Q5_K: {"Q5_K", 256, 176, 13, decodeQ5_K},
	Q6_K: {"Q6_K", 256, 210, 14, decodeQ6_K},
}

// String is the type's name as safetensors and GGML write it.
func (t Type) String() string {
	if t < numTypes {
		return typeInfo[t].name
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// BlockLen is how many elements share a block: 1 for the plain types. The last
// dimension of a tensor is a whole number of blocks.
func (t Type) BlockLen() int { return typeInfo[t].elems }

// BlockBytes is the size of a block in bytes.
func (t Type) BlockBytes() int { return typeInfo[t].bytes }

// Quantized says whether the elements share blocks, which plain formats
// (safetensors, PyTorch) have no name for.
func (t Type) Quantized() bool { return typeInfo[t].elems > 1 }

// Integer says whether the elements are whole numbers or truth values.
func (t Type) Integer() bool {
	switch t {
	case I64, I32, I16, I8, U8, Bool:
		return true
	}
	return false
}

// Kernel is the kernel's name for the type, where kernels read it as it lies.
func (t Type) Kernel() (d kernel.DType, ok bool) {
	switch t {
	case F32:
		return kernel.F32, true
	case F16:
		return kernel.F16, true
	case BF16:
		return kernel.BF16, true
	case Q8_0:
		return kernel.Q8_0, true
	case Q4_0:
		return kernel.Q4_0, true
	case Q4_1:
		return kernel.Q4_1, true
	}
	return 0, false
}

// TypeOf is the stored type that kernels know as d.
func TypeOf(d kernel.DType) Type {
	for t := range numTypes {
		if k, ok := t.Kernel(); ok && k == d {
			return t
		}
	}
	panic(fmt.Sprintf("weights: no stored type for %v", d))
}

// typeNamed finds a plain type by the name that safetensors gives it.
func typeNamed(name string) (Type, error) {
	for t := range numTypes {
		if typeInfo[t].name == name && !t.Quantized() {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown element type %s", quote(name))
}

// typeNumbered finds a type by the number that GGUF gives it.
func typeNumbered(number uint32) (Type, error) {
	for t := range numTypes {
		if int64(typeInfo[t].ggml) == int64(number) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown element type number %d", number)
}

// InGGUF says whether GGUF has the type.
func (t Type) InGGUF() bool { return typeInfo[t].ggml >= 0 }
