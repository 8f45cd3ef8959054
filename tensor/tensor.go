package tensor

import (
	"fmt"
	"sync/atomic"

	"dragoman/kernel"
)

// Tensor is a dense row-major array. It is one of: an activation (float32 in a run's arena), a parameter (float32 with room
// for a gradient), or a frozen weight as its file stores it (any kernel.DType, mapped, never copied).
type Tensor struct {
	shape []int
	data  []float32                 // nil for a stored weight
	mat   kernel.Mat                // a stored weight, seen as [product of the leading axes, last axis]
	grad  []float32                 // the gradient, allocated when first written
	needs bool                      // a gradient is wanted, for this or for something before it
	name  string                    // parameters and weights: the name in the checkpoint
	run   bool                      // an activation: the gradient's memory comes from the run, too
	base  *Tensor                   // a view: whose values and gradient these are
	at    int                       // a view: where its values begin in the base's
	cache atomic.Pointer[[]float32] // a weight's values in the layout that a convolution or a norm wants
}

// FromFloats wraps values, which the tensor then shares, in a shape. It needs no gradient.
func FromFloats(x []float32, shape ...int) *Tensor {
	if n := Count(shape); n != len(x) {
		panic(fmt.Sprintf("tensor: %d values do not make a shape of %v", len(x), shape))
	}
	return &Tensor{shape: shape, data: x}
}

// NewParam makes a parameter of zeros that wants a gradient.
func NewParam(name string, shape ...int) *Tensor {
	return &Tensor{shape: shape, data: make([]float32, Count(shape)), needs: true, name: name}
}

// NewParamOf makes a parameter of values, which it then owns.
func NewParamOf(name string, x []float32, shape ...int) *Tensor {
	t := FromFloats(x, shape...)
	t.needs, t.name = true, name
	return t
}

// NewWeight wraps a stored weight: frozen, read as it lies. The shape's leading axes are the matrix's rows.
func NewWeight(name string, m kernel.Mat, shape ...int) *Tensor {
	if n := Count(shape); n != m.Rows*m.Cols {
		panic(fmt.Sprintf("tensor: a matrix of %d×%d does not make a shape of %v", m.Rows, m.Cols, shape))
	}
	t := &Tensor{shape: shape, mat: m, name: name}
	if m.DType == kernel.F32 && m.Stride == 4*m.Cols {
		if x, ok := kernel.Floats(m.Data); ok {
			t.data = x[:m.Rows*m.Cols]
		}
	}
	return t
}

// Count is the number of elements of a shape.
func Count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Shape is the tensor's shape, outermost axis first. It must not be changed.
func (t *Tensor) Shape() []int { return t.shape }

// Dim is the size of axis i; negative i counts from the end.
func (t *Tensor) Dim(i int) int {
	if i < 0 {
		i += len(t.shape)
	}
	return t.shape[i]
}

// Len is the number of elements.
func (t *Tensor) Len() int { return Count(t.shape) }

// Rows is the number of rows of the last axis.
func (t *Tensor) Rows() int {
	if len(t.shape) == 0 {
		return 1
	}
	return t.Len() / max(1, t.Dim(-1))
}

// Data is the float32 values, shared; nil for a weight that is stored otherwise.
func (t *Tensor) Data() []float32 { return t.data }

// Name is the name in the checkpoint, for parameters and weights.
func (t *Tensor) Name() string { return t.name }

// NeedsGrad says whether a backward pass will give this tensor a gradient.
func (t *Tensor) NeedsGrad() bool { return t.needs }

// SetTrainable says whether a parameter wants a gradient. A stored weight that is not float32 cannot.
func (t *Tensor) SetTrainable(on bool) {
	if on && t.data == nil {
		panic("tensor: " + t.name + " is stored as " + t.mat.DType.String() + " and cannot be trained")
	}
	t.needs = on
}

// Grad is the gradient, shared; nil where none was computed.
func (t *Tensor) Grad() []float32 { return t.grad }

// ZeroGrad forgets a parameter's gradient and keeps its memory.
func (t *Tensor) ZeroGrad() { clear(t.grad) }

// DType is how the values are stored.
func (t *Tensor) DType() kernel.DType {
	if t.data != nil {
		return kernel.F32
	}
	return t.mat.DType
}

// Mat is the tensor as a matrix of [product of the leading axes, last axis].
func (t *Tensor) Mat() kernel.Mat {
	if t.data != nil {
		rows := t.Rows()
		c := t.Len() / max(1, rows)
		return kernel.MatF32(t.data, rows, c, c)
	}
	return t.mat
}

func (t *Tensor) String() string {
	if t.name != "" {
		return fmt.Sprintf("%s %v %v", t.name, t.DType(), t.shape)
	}
	return fmt.Sprintf("%v %v", t.DType(), t.shape)
}

// Floats is the values as float32: those of Data, or, of a weight that is stored otherwise, widened into memory that is the caller's.
func (t *Tensor) Floats() []float32 {
	if t.data != nil {
		return t.data
	}
	x := make([]float32, t.Len())
	for i := range t.mat.Rows {
		t.mat.Values(x[i*t.mat.Cols:(i+1)*t.mat.Cols], i)
	}
	return x
}

// floats is the values of a small weight (a bias, a norm) as float32, decoded once if it is stored otherwise; nil where there is none.
func (t *Tensor) floats() []float32 {
	if t == nil {
		return nil
	}
	if t.data != nil {
		return t.data
	}
	return t.cached(t.Floats)
}

// cached keeps what f makes of a weight whose values do not change.
func (t *Tensor) cached(f func() []float32) []float32 {
	if p := t.cache.Load(); p != nil {
		return *p
	}
	x := f()
	t.cache.Store(&x)
	return x
}
