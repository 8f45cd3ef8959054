package weights

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGather: views with axes in any order, of one element, cut out, repeated (stride 0), and of every width, against one element at a time.
func TestGather(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for round := range 400 {
		kind := []Type{U8, F16, F32, F64}[round%4]
		width := kind.BlockBytes()
		axes := r.IntN(5)
		storage, shape, strides := make([]int, axes), make([]int, axes), make([]int, axes)
		elements := 1
		for i := range slices.Backward(storage) { // the storage is row-major and whole
			storage[i] = []int{1, 2, 3, 5, 40}[r.IntN(5)]
			strides[i], elements = elements, elements*storage[i]
		}
		data := make([]byte, elements*width)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		order := r.Perm(axes)
		for i, axis := range order {
			shape[i] = 1 + r.IntN(storage[axis])
		}
		old := slices.Clone(strides)
		for i, axis := range order {
			if strides[i] = old[axis]; r.IntN(6) == 0 {
				strides[i] = 0
			}
		}
		e := entry{Tensor{Type: kind, Shape: shape, Data: data}, strides}
		var want []byte
		for i := range e.Len() {
			at := 0
			for axis, rest := axes-1, i; axis >= 0; axis-- {
				at += rest % shape[axis] * strides[axis]
				rest /= shape[axis]
			}
			want = append(want, data[at*width:(at+1)*width]...)
		}
		if got := e.gather(); !bytes.Equal(got.Data, want) {
			t.Fatalf("%v of %v, strides %v: %v, want %v", kind, shape, strides, got.Data, want)
		}
	}
}
