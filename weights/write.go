package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"dragoman/internal/atomicfile"
)

// headerAlign is where the data of a written safetensors file begins: at a
// multiple of a cache line, so that kernels read mapped matrices aligned.
const headerAlign = 64

// WriteSafetensors replaces the file at path with the tensors and, under
// __metadata__, the strings of metadata. Equal tensors in equal order give
// equal bytes: wider element types come first (so that every tensor is
// aligned to its elements), otherwise the order is kept. The data is written as
// it lies, without a copy of the whole. Block-quantised types cannot be said in
// safetensors and are an error.
func WriteSafetensors(path string, tensors []Tensor, metadata map[string]string) error {
	outputs, err := inMemory(tensors)
	if err != nil {
		return fmt.Errorf("write safetensors: %s: %w", path, err)
	}
	return StreamSafetensors(path, outputs, metadata)
}

// StreamSafetensors is [WriteSafetensors] for tensors that are not in memory.
func StreamSafetensors(path string, tensors []Output, metadata map[string]string) error {
	header, order, err := safetensorsHeader(tensors, metadata)
	if err != nil {
		return fmt.Errorf("write safetensors: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error { return writeOutputs(w, header, order) })
}

// EncodeSafetensors is [WriteSafetensors] into a stream; w's errors are returned as they are.
func EncodeSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	outputs, err := inMemory(tensors)
	if err != nil {
		return fmt.Errorf("write safetensors: %w", err)
	}
	header, order, err := safetensorsHeader(outputs, metadata)
	if err != nil {
		return fmt.Errorf("write safetensors: %w", err)
	}
	return writeOutputs(w, header, order)
}

func writeOutputs(w io.Writer, header []byte, order []Output) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range order {
		if _, err := t.writeTo(w); err != nil {
			return err
		}
	}
	return nil
}

// safetensorsHeader is the length and the padded JSON, and the order of the
// data.
func safetensorsHeader(tensors []Output, metadata map[string]string) (header []byte, order []Output, err error) {
	order = slices.Clone(tensors)
	slices.SortStableFunc(order, func(a, b Output) int { return b.Type.BlockBytes() - a.Type.BlockBytes() })

	var text bytes.Buffer
	text.Write(make([]byte, 8))
	text.WriteByte('{')
	field := func(key string, value any) error {
		if text.Len() > 9 {
			text.WriteByte(',')
		}
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		text.Write(k)
		text.WriteByte(':')
		text.Write(v)
		return nil
	}
	if len(metadata) > 0 {
		if err := field("__metadata__", metadata); err != nil {
			return nil, nil, err
		}
	}
	seen := make(map[string]bool, len(order))
	at := int64(0)
	for _, t := range order {
		size, err := byteSize(t.Type, t.Shape)
		err = errors.Join(checkName(t.Name), err)
		switch {
		case err != nil:
		case t.Type.Quantized():
			err = fmt.Errorf("tensor %s: safetensors has no %v", quote(t.Name), t.Type)
		case seen[t.Name] || t.Name == "__metadata__":
			err = fmt.Errorf("tensor %s: the name is taken", quote(t.Name))
		default:
			seen[t.Name] = true
			shape := t.Shape
			if shape == nil {
				shape = []int{} // null is not a shape
			}
			end := at + int64(size)
			err = field(t.Name, safetensorsEntry{t.Type.String(), shape, []int64{at, end}})
			at = end
		}
		if err != nil {
			return nil, nil, err
		}
	}
	text.WriteByte('}')
	for text.Len()%headerAlign != 0 {
		text.WriteByte(' ')
	}
	header = text.Bytes()
	if len(header)-8 > maxHeader {
		return nil, nil, fmt.Errorf("a header of %d bytes, at most %d are possible", len(header)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, order, nil
}
