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
	w := ggufWriter{append([]byte("GGUF"), 3, 0, 0, 0)}
	w.u64(uint64(len(tensors)))
	w.u64(uint64(len(meta)))
	sizeAt, err := w.meta(meta)
	if err != nil {
		return nil, err
	}
	behind, err := w.tensors(tensors)
	if err != nil {
		return nil, err
	}
	w.b = append(w.b, make([]byte, padding(len(w.b)))...)
	binary.LittleEndian.PutUint64(w.b[sizeAt:], uint64(len(w.b))+behind)
	return w.b, nil
}

// ggufWriter appends a header's parts, little endian.
type ggufWriter struct{ b []byte }

func (w *ggufWriter) u32(v uint32)  { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *ggufWriter) u64(v uint64)  { w.b = binary.LittleEndian.AppendUint64(w.b, v) }
func (w *ggufWriter) f64(v float64) { w.u64(math.Float64bits(v)) }
func (w *ggufWriter) i64(v int64)   { w.u64(uint64(v)) }
func (w *ggufWriter) flag(v bool)   { w.b = append(w.b, boolByte(v)) }

func (w *ggufWriter) text(s string) {
	w.u64(uint64(len(s)))
	w.b = append(w.b, s...)
}

// meta writes keys and values, and says where the file's size belongs.
func (w *ggufWriter) meta(meta Meta) (sizeAt int, err error) {
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		w.text(key)
		switch v := meta[key].(type) {
		case string:
			w.u32(ggufString)
			w.text(v)
		case bool:
			w.u32(ggufBool)
			w.flag(v)
		case uint64:
			if key == "general.alignment" { // which readers expect in 32 bits
				w.u32(ggufU32)
				w.u32(uint32(v))
				continue
			}
			w.u32(ggufU64)
			if key == sizeKey {
				sizeAt = len(w.b)
			}
			w.u64(v)
		case int64:
			w.u32(ggufI64)
			w.i64(v)
		case float64:
			w.u32(ggufF64)
			w.f64(v)
		case []string:
			ggufArrayOf(w, ggufString, v, w.text)
		case []bool:
			ggufArrayOf(w, ggufBool, v, w.flag)
		case []uint64:
			ggufArrayOf(w, ggufU64, v, w.u64)
		case []int64:
			ggufArrayOf(w, ggufI64, v, w.i64)
		case []float64:
			ggufArrayOf(w, ggufF64, v, w.f64)
		default:
			return 0, fmt.Errorf("metadata: key %s: a %T cannot be written", quote(key), v)
		}
	}
	return sizeAt, nil
}

func ggufArrayOf[T any](w *ggufWriter, kind uint32, values []T, one func(T)) {
	w.u32(ggufArray)
	w.u32(kind)
	w.u64(uint64(len(values)))
	for _, v := range values {
		one(v)
	}
}

// tensors writes the table of names, shapes and places, and says how many bytes the tensors take behind the header.
func (w *ggufWriter) tensors(tensors []Output) (behind uint64, err error) {
	seen := make(map[string]bool, len(tensors))
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
			return 0, fmt.Errorf("tensor %s: %w", quote(t.Name), err)
		}
		seen[t.Name] = true
		w.text(t.Name)
		w.u32(uint32(len(t.Shape)))
		for _, dim := range slices.Backward(t.Shape) {
			w.u64(uint64(dim))
		}
		w.u32(uint32(typeInfo[t.Type].ggml))
		w.u64(behind)
		behind += uint64(size + padding(size))
	}
	return behind, nil
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
