package weights

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"dragoman/kernel"
)

// Limits on what a file may claim. They are far beyond any real checkpoint.
const (
	maxDims    = 8
	maxName    = 4096
	maxTensors = 1 << 20
)

// Tensor is a named tensor as it lies in a file or in memory.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int  // outermost dimension first; empty for a scalar
	Data  []byte // row-major, little endian, any alignment; not to be written to

	in *mapped // where Data is mapped, nil where it is in memory
}

// Source is a set of tensors by name. A source is read by many goroutines at
// once.
type Source interface {
	// Names lists every tensor once, in an order that does not change.
	Names() []string
	// Lookup finds a tensor by its exact name.
	Lookup(name string) (Tensor, bool)
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, dim := range t.Shape {
		n *= dim
	}
	return n
}

// Kernel is the kernel's name for the element type, where kernels read the data
// as it lies.
func (t Tensor) Kernel() (d kernel.DType, ok bool) { return t.Type.Kernel() }

// File is the name of the file that the tensor lies in, without its folder: of a
// shard, where there are several. "" for a tensor in memory.
func (t Tensor) File() string {
	if t.in == nil || t.in.file == nil {
		return ""
	}
	return filepath.Base(t.in.file.Name())
}

// Float32 decodes the elements, of whatever type, into a slice of their own; those of a mapped file are read from the file.
// Wider types are rounded to the nearest float32; booleans become 0 and 1.
func (t Tensor) Float32() ([]float32, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	out := make([]float32, t.Len())
	if err := t.widen(out); err != nil {
		return nil, fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	}
	return out, nil
}

// Check verifies that the shape, the type and the length of the data agree. It
// holds for every tensor that a [File] returns.
func (t Tensor) Check() error {
	size, err := byteSize(t.Type, t.Shape)
	if err == nil && size != len(t.Data) {
		err = fmt.Errorf("%v %v needs %d bytes, has %d", t.Type, t.Shape, size, len(t.Data))
	}
	if err != nil {
		return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	}
	return nil
}

// FromFloat32 is a tensor over values, which it shares.
// It panics when the shape does not have as many elements.
func FromFloat32(name string, shape []int, values []float32) Tensor {
	t := Tensor{Name: name, Type: F32, Shape: shape, Data: kernel.Bytes(values)}
	if err := t.Check(); err != nil {
		panic("weights: " + err.Error())
	}
	return t
}

// elements multiplies the dimensions, which may come from a hostile file.
func elements(shape []int) (int, error) {
	n := 1
	for _, dim := range shape {
		if dim < 0 {
			return 0, fmt.Errorf("negative dimension in shape %v", shape)
		}
		if dim > 0 && n > math.MaxInt/dim {
			return 0, fmt.Errorf("shape %v overflows", shape)
		}
		n *= dim
	}
	return n, nil
}

// byteSize is how many bytes a tensor of that type and shape takes.
func byteSize(t Type, shape []int) (int, error) {
	if t >= numTypes {
		return 0, fmt.Errorf("unknown element type %v", t)
	}
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions, at most %d are supported", len(shape), maxDims)
	}
	n, err := elements(shape)
	if err != nil {
		return 0, err
	}
	if block := t.BlockLen(); block > 1 && (len(shape) == 0 || shape[len(shape)-1]%block != 0) {
		return 0, fmt.Errorf("rows of shape %v are not whole blocks of %d (%v)", shape, block, t)
	}
	blocks := n / t.BlockLen()
	if blocks > math.MaxInt/t.BlockBytes() {
		return 0, fmt.Errorf("shape %v overflows", shape)
	}
	return blocks * t.BlockBytes(), nil
}

// quote prints a name from a file, cut where a hostile file made it long.
func quote(name string) string {
	const limit = 120
	if len(name) > limit {
		return strconv.Quote(name[:limit]) + "…"
	}
	return strconv.Quote(name)
}
