package weights

import (
	"bytes"
	"slices"
)

// Equal says whether two tensors are the same, type, shape and bytes. What is in a file is read from it in pieces, up to the first that differs:
// touching the mappings would make both resident.
func (t Tensor) Equal(u Tensor) (bool, error) {
	if t.Type != u.Type || !slices.Equal(t.Shape, u.Shape) || len(t.Data) != len(u.Data) {
		return false, nil
	}
	if len(t.Data) == 0 || &t.Data[0] == &u.Data[0] {
		return true, nil
	}
	x, y := pieces.Get().(*piece), pieces.Get().(*piece)
	defer pieces.Put(x)
	defer pieces.Put(y)
	for from := 0; from < len(t.Data); from += len(x.raw) {
		a, err := t.part(from, x.raw)
		if err != nil {
			return false, err
		}
		b, err := u.part(from, y.raw)
		if err != nil || !bytes.Equal(a, b) {
			return false, err
		}
	}
	return true, nil
}

// part is some of the tensor's bytes, at most as many as there is memory for.
func (t Tensor) part(from int, memory []byte) ([]byte, error) {
	n := min(len(memory), len(t.Data)-from)
	at, inFile := t.in.offset(t.Data)
	if !inFile {
		return t.Data[from : from+n], nil
	}
	return memory[:n], t.in.read(memory[:n], at+int64(from))
}
