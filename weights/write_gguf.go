package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"dragoman/internal/atomicfile"
)

// ggufAlign is where every tensor of a written GGUF file begins: at a multiple of a cache line.
const ggufAlign = 64

// sizeKey is a metadata key for which a writer fills in the file's length, so that a file that was cut, be it by a byte, is known.
const sizeKey = "dragoman.file_bytes"

// Output is a tensor to be written: its bytes are asked for when their turn comes, so that no more than a piece of them need be in memory.
type Output struct {
	Name  string
	Type  Type
	Shape []int
	Write func(w io.Writer) error // writes exactly as many bytes as the type and the shape take
}

// WriteGGUF replaces the file at path with the tensors and the metadata, whose values are of the types that [Meta] lists, as GGUF version
// 3. Equal input gives equal bytes: keys are sorted, tensors keep their order. Unlike safetensors, GGUF can say block-quantised types.
func WriteGGUF(path string, tensors []Tensor, meta Meta) error {
	outputs, err := inMemory(tensors)
	if err != nil {
		return fmt.Errorf("write gguf: %s: %w", path, err)
	}
	return StreamGGUF(path, outputs, meta)
}

// inMemory are outputs that write what is there.
func inMemory(tensors []Tensor) ([]Output, error) {
	outputs := make([]Output, len(tensors))
	for i, t := range tensors {
		if err := t.Check(); err != nil {
			return nil, err
		}
		outputs[i] = Output{Name: t.Name, Type: t.Type, Shape: t.Shape, Write: func(w io.Writer) error {
			_, err := w.Write(t.Data)
			return err
		}}
	}
	return outputs, nil
}

// writeTo writes the tensor's bytes, and says how many there were: what belongs to it, or it is an error.
func (t Output) writeTo(w io.Writer) (int, error) {
	size, _ := byteSize(t.Type, t.Shape)
	c := counter{w: w}
	err := t.Write(&c)
	if err == nil && c.n != size {
		err = fmt.Errorf("%d bytes were written, %d belong to it", c.n, size)
	}
	if err != nil {
		err = fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	}
	return c.n, err
}

// StreamGGUF is [WriteGGUF] for tensors that are not in memory.
func StreamGGUF(path string, tensors []Output, meta Meta) error {
	header, err := ggufHeader(tensors, meta)
	if err != nil {
		return fmt.Errorf("write gguf: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		for _, t := range tensors {
			n, err := t.writeTo(w)
			if err == nil {
				_, err = w.Write(make([]byte, padding(n)))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}

func padding(n int) int { return (ggufAlign - n%ggufAlign) % ggufAlign }

// ggufHeader is everything before the data, padded.
func ggufHeader(tensors []Output, meta Meta) ([]byte, error) {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = Meta{}
	}
	meta["general.alignment"] = uint64(ggufAlign)
	meta[sizeKey] = uint64(0)
	sizeAt := 0
	le := binary.LittleEndian
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(meta)))
	text := func(s string) { b = append(le.AppendUint64(b, uint64(len(s))), s...) }
	array := func(kind uint32, n int) {
		b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, ggufArray), kind), uint64(n))
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		text(key)
		switch v := meta[key].(type) {
		case string:
			b = le.AppendUint32(b, ggufString)
			text(v)
		case bool:
			b = append(le.AppendUint32(b, ggufBool), boolByte(v))
		case uint64:
			if key == "general.alignment" { // which readers expect in 32 bits
				b = le.AppendUint32(le.AppendUint32(b, ggufU32), uint32(v))
				continue
			}
			b = le.AppendUint32(b, ggufU64)
			if key == sizeKey {
				sizeAt = len(b)
			}
			b = le.AppendUint64(b, v)
		case int64:
			b = le.AppendUint64(le.AppendUint32(b, ggufI64), uint64(v))
		case float64:
			b = le.AppendUint64(le.AppendUint32(b, ggufF64), math.Float64bits(v))
		case []string:
			array(ggufString, len(v))
			for _, s := range v {
				text(s)
			}
		case []bool:
			array(ggufBool, len(v))
			for _, x := range v {
				b = append(b, boolByte(x))
			}
		case []uint64:
			array(ggufU64, len(v))
			for _, x := range v {
				b = le.AppendUint64(b, x)
			}
		case []int64:
			array(ggufI64, len(v))
			for _, x := range v {
				b = le.AppendUint64(b, uint64(x))
			}
		case []float64:
			array(ggufF64, len(v))
			for _, x := range v {
				b = le.AppendUint64(b, math.Float64bits(x))
			}
		default:
			return nil, fmt.Errorf("metadata: key %s: a %T cannot be written", quote(key), v)
		}
	}
	seen := make(map[string]bool, len(tensors))
	at := uint64(0)
	for _, t := range tensors {
		size, err := byteSize(t.Type, t.Shape)
		err = errors.Join(checkName(t.Name), err)
		switch {
		case err != nil:
		case seen[t.Name]:
			err = errors.New("twice")
		case !t.Type.InGGUF():
			err = fmt.Errorf("gguf has no type %v", t.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", quote(t.Name), err)
		}
		seen[t.Name] = true
		text(t.Name)
		b = le.AppendUint32(b, uint32(len(t.Shape)))
		for _, dim := range slices.Backward(t.Shape) {
			b = le.AppendUint64(b, uint64(dim))
		}
		b = le.AppendUint32(b, uint32(typeInfo[t.Type].ggml))
		b = le.AppendUint64(b, at)
		at += uint64(size + padding(size))
	}
	b = append(b, make([]byte, padding(len(b)))...)
	le.PutUint64(b[sizeAt:], uint64(len(b))+at)
	return b, nil
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
