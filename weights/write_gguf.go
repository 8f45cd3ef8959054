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

// WriteGGUF replaces the file at path with the tensors and the metadata, whose values are of the types that [Meta] lists (of arrays,
// strings only), as GGUF version 3. Equal input gives equal bytes: keys are sorted, tensors keep their order. Unlike safetensors,
// GGUF can say block-quantised types.
func WriteGGUF(path string, tensors []Tensor, meta Meta) error {
	header, err := ggufHeader(tensors, meta)
	if err != nil {
		return fmt.Errorf("write gguf: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		for _, t := range tensors {
			if _, err := w.Write(t.Data); err != nil {
				return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
			}
			if _, err := w.Write(make([]byte, padding(len(t.Data)))); err != nil {
				return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
			}
		}
		return nil
	})
}

func padding(n int) int { return (ggufAlign - n%ggufAlign) % ggufAlign }

// ggufHeader is everything before the data, padded.
func ggufHeader(tensors []Tensor, meta Meta) ([]byte, error) {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = Meta{}
	}
	meta["general.alignment"] = uint64(ggufAlign)
	le := binary.LittleEndian
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(meta)))
	text := func(s string) { b = append(le.AppendUint64(b, uint64(len(s))), s...) }
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
			b = le.AppendUint64(le.AppendUint32(b, ggufU64), v)
		case int64:
			b = le.AppendUint64(le.AppendUint32(b, ggufI64), uint64(v))
		case float64:
			b = le.AppendUint64(le.AppendUint32(b, ggufF64), math.Float64bits(v))
		case []string:
			b = le.AppendUint32(le.AppendUint32(b, ggufArray), ggufString)
			b = le.AppendUint64(b, uint64(len(v)))
			for _, s := range v {
				text(s)
			}
		default:
			return nil, fmt.Errorf("metadata: key %s: a %T cannot be written", quote(key), v)
		}
	}
	seen := make(map[string]bool, len(tensors))
	at := uint64(0)
	for _, t := range tensors {
		err := errors.Join(checkName(t.Name), t.Check())
		switch {
		case err != nil:
		case seen[t.Name]:
			err = errors.New("twice")
		case typeInfo[t.Type].ggml < 0:
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
		at += uint64(len(t.Data) + padding(len(t.Data)))
	}
	return append(b, make([]byte, padding(len(b)))...), nil
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
