package weights

import (
	"fmt"
	"io"
	"sync"

	"dragoman/internal/largepages"
	"dragoman/kernel"
)

// pieceElems is how many elements are converted at a time: enough for a read to be worth its call, little beside any matrix.
const pieceElems = 1 << 18

// piece is the memory for a piece: of its elements as they are stored, eight bytes at the most, and as float32. It is used again and
// again, since a model has many hundreds of tensors, and garbage of that size would be as large as the model.
type piece struct {
	raw    []byte
	values []float32
}

var pieces = sync.Pool{New: func() any { return &piece{make([]byte, 8*pieceElems), make([]float32, pieceElems)} }}

// Recode converts the tensor to d, into memory of its own. A tensor of a mapped file is read from the file in pieces, by all workers
// at a time, and its mapping is not touched: the process never holds more than the result and a few pieces of what it was.
func (t Tensor) Recode(workers kernel.Workers, d kernel.DType) (Tensor, error) {
	out := Tensor{Name: t.Name, Type: TypeOf(d), Shape: t.Shape}
	size, err := byteSize(out.Type, t.Shape)
	if err == nil {
		err = t.Check()
	}
	if err == nil {
		out.Data = largepages.Bytes(size)
		err = t.recode(workers, d, 0, t.Len(), out.Data)
	}
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %s: as %v: %w", quote(t.Name), d, err)
	}
	return out, nil
}

// WriteAs writes the tensor's bytes as they would be in type to, piece by piece.
func (t Tensor) WriteAs(w io.Writer, workers kernel.Workers, to Type) error {
	err := t.Check()
	if err == nil && to == t.Type {
		err = t.copyTo(w)
	} else if err == nil {
		err = t.writeRecoded(w, workers, to)
	}
	if err != nil {
		return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	}
	return nil
}

// copyTo writes the bytes as they are.
func (t Tensor) copyTo(w io.Writer) error {
	at, ok := t.in.offset(t.Data)
	if !ok {
		_, err := w.Write(t.Data)
		return err
	}
	buffer := make([]byte, min(len(t.Data), 4*pieceElems))
	for from := 0; from < len(t.Data); from += len(buffer) {
		piece := buffer[:min(len(buffer), len(t.Data)-from)]
		if err := t.in.read(piece, at+int64(from)); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func (t Tensor) writeRecoded(w io.Writer, workers kernel.Workers, to Type) error {
	d, ok := to.Kernel()
	if !ok {
		return fmt.Errorf("there is no encoder for %v", to)
	}
	if _, err := byteSize(to, t.Shape); err != nil {
		return err
	}
	n := t.Len()
	step := min(n, workers.Size()*pieceElems)
	buffer := make([]byte, d.RowBytes(step))
	for from := 0; from < n; from += step {
		until := min(from+step, n)
		piece := buffer[:d.RowBytes(until-from)]
		if err := t.recode(workers, d, from, until, piece); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// recode writes elements from … until, whole blocks of both types, as d into dst.
func (t Tensor) recode(workers kernel.Workers, d kernel.DType, from, until int, dst []byte) error {
	block, bytes := t.Type.BlockLen(), t.Type.BlockBytes()
	at, inFile := t.in.offset(t.Data)
	var failed error
	var once sync.Once
	workers.Do((until-from+pieceElems-1)/pieceElems, func(task, _ int) {
		s := pieces.Get().(*piece)
		defer pieces.Put(s)
		a := from + task*pieceElems
		n := min(pieceElems, until-a)
		values := s.values[:n]
		begin, size := a/block*bytes, n/block*bytes
		raw := t.Data[begin : begin+size]
		if inFile {
			raw = s.raw[:size]
			if err := t.in.read(raw, at+int64(begin)); err != nil {
				once.Do(func() { failed = err })
				return
			}
		}
		t.decode(values, raw)
		kernel.Encode(d, dst[d.RowBytes(a-from):][:d.RowBytes(n)], values)
	})
	return failed
}

// widen decodes all elements. What is in a file is read from it: touching the mapping for a vector would make its surroundings resident.
func (t Tensor) widen(out []float32) error {
	at, inFile := t.in.offset(t.Data)
	if !inFile {
		t.decode(out, t.Data)
		return nil
	}
	s := pieces.Get().(*piece)
	defer pieces.Put(s)
	for len(out) > 0 {
		n := min(pieceElems, len(out))
		raw := s.raw[:n/t.Type.BlockLen()*t.Type.BlockBytes()]
		if err := t.in.read(raw, at); err != nil {
			return err
		}
		t.decode(out[:n], raw)
		out, at = out[n:], at+int64(len(raw))
	}
	return nil
}

// decode widens whole blocks, by the kernel where it knows the type.
func (t Tensor) decode(out []float32, raw []byte) {
	if d, ok := t.Type.Kernel(); ok {
		kernel.Decode(d, out, raw)
		return
	}
	typeInfo[t.Type].decode(out, raw)
}
