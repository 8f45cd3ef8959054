package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The types of GGUF's metadata values, numbered as in the file.
const (
	ggufU8 = iota
	ggufI8
	ggufU16
	ggufI16
	ggufU32
	ggufI32
	ggufF32
	ggufBool
	ggufString
	ggufArray
	ggufU64
	ggufI64
	ggufF64
	ggufTypes
)

// ggufWidth is the size of each fixed-width metadata type.
var ggufWidth = [ggufTypes]int{
	ggufU8: 1, ggufI8: 1, ggufU16: 2, ggufI16: 2, ggufU32: 4, ggufI32: 4,
	ggufF32: 4, ggufBool: 1, ggufU64: 8, ggufI64: 8, ggufF64: 8,
}

// ggufReader walks over a GGUF header. The first thing that does not fit sticks
// in err, and everything read after it is zero.
type ggufReader struct {
	data []byte
	at   int
	err  error
}

func (r *ggufReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// take is the next n bytes; nil after a failure.
func (r *ggufReader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.data)-r.at) {
		r.fail("truncated at byte %d: %d more needed", len(r.data), n-uint64(len(r.data)-r.at))
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *ggufReader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *ggufReader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// name reads a string that is a key or a tensor's name.
func (r *ggufReader) name() string {
	n := r.u64()
	if n > maxName {
		r.fail("a name of %d bytes", n)
	}
	return string(r.take(n))
}

// count reads a number of things that take at least size bytes each, so that
// what it claims cannot exceed what the file can hold.
func (r *ggufReader) count(what string, size int) int {
	n := r.u64()
	if left := len(r.data) - r.at; r.err == nil && n > uint64(left/size) {
		r.fail("%d %s in %d bytes", n, what, left)
		return 0
	}
	return int(n)
}

// parseGGUF reads a GGUF file of version 2 or 3: the metadata, the list of
// tensors (dimensions innermost first, turned around here), and the data, which
// begins at the next multiple of general.alignment.
func parseGGUF(f *File, data []byte) error {
	f.Format = GGUF
	r := &ggufReader{data: data, at: 4}
	switch version := r.u32(); {
	case r.err != nil:
		return r.err
	case version&0xffff == 0:
		return errors.New("big-endian files are not supported")
	case version != 2 && version != 3:
		return fmt.Errorf("version %d, supported are 2 and 3", version)
	}
	tensors := r.count("tensors", 8+4+4+8)
	keys := r.count("metadata keys", 8+4+1)
	if r.err != nil {
		return r.err
	}
	f.Meta = make(Meta, min(keys, 1024))
	for range keys {
		key := r.name()
		if r.err != nil {
			return fmt.Errorf("metadata: %w", r.err)
		}
		if _, twice := f.Meta[key]; twice {
			return fmt.Errorf("metadata: key %s twice", quote(key))
		}
		f.Meta[key] = r.value(r.u32())
		if r.err != nil {
			return fmt.Errorf("metadata: key %s: %w", quote(key), r.err)
		}
	}
	if size, ok := f.Meta.Int(sizeKey); ok && size != len(data) {
		return fmt.Errorf("truncated: %d bytes of %d", len(data), size)
	}
	if tensors > maxTensors {
		return fmt.Errorf("%d tensors, at most %d are supported", tensors, maxTensors)
	}
	listed := make([]ggufTensor, tensors)
	for i := range listed {
		if listed[i] = r.tensor(); r.err != nil {
			return fmt.Errorf("tensor %s: %w", quote(listed[i].Name), r.err)
		}
	}
	alignment := 32
	if _, ok := f.Meta["general.alignment"]; ok {
		alignment, ok = f.Meta.Int("general.alignment")
		if !ok || alignment <= 0 || alignment > 1<<20 {
			return fmt.Errorf("metadata: general.alignment is %v", f.Meta["general.alignment"])
		}
	}
	begin := (r.at + alignment - 1) / alignment * alignment
	body := data[min(begin, len(data)):]
	return f.bindGGUF(listed, body)
}

// bindGGUF gives the listed tensors their bytes.
func (f *File) bindGGUF(listed []ggufTensor, body []byte) error {
	spans := make([]span, 0, len(listed))
	for _, t := range listed {
		size, err := byteSize(t.Type, t.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
		}
		if t.offset > uint64(len(body)) || uint64(size) > uint64(len(body))-t.offset {
			return fmt.Errorf("tensor %s: truncated: %d bytes at byte %d of the data, which has %d",
				quote(t.Name), size, t.offset, len(body))
		}
		from, to := int(t.offset), int(t.offset)+size
		t.Data = body[from:to:to]
		if err := f.add(entry{Tensor: t.Tensor}); err != nil {
			return err
		}
		spans = append(spans, span{t.Name, from, to})
	}
	return checkOverlap(spans)
}

// ggufTensor is a tensor as GGUF lists it; offset counts from the first byte of
// the data.
type ggufTensor struct {
	Tensor
	offset uint64
}

// tensor reads one entry of the list of tensors.
func (r *ggufReader) tensor() (t ggufTensor) {
	t.Name = r.name()
	dims := r.u32()
	if dims > maxDims {
		r.fail("%d dimensions, at most %d are supported", dims, maxDims)
		return t
	}
	t.Shape = make([]int, dims)
	for i := range t.Shape {
		dim := r.u64()
		if dim > math.MaxInt {
			r.fail("dimension %d overflows", dim)
			return t
		}
		t.Shape[i] = int(dim)
	}
	slices.Reverse(t.Shape)
	number := r.u32()
	t.offset = r.u64()
	if r.err == nil {
		t.Type, r.err = typeNumbered(number)
	}
	return t
}

// value reads a metadata value of the given type.
func (r *ggufReader) value(kind uint32) any {
	switch {
	case r.err != nil:
		return nil
	case kind == ggufString:
		return string(r.take(r.u64()))
	case kind == ggufArray:
		return r.array()
	case kind >= ggufTypes:
		r.fail("unknown value type %d", kind)
		return nil
	}
	b := r.take(uint64(ggufWidth[kind]))
	if b == nil {
		return nil
	}
	switch kind {
	case ggufBool:
		return b[0] != 0
	case ggufF32, ggufF64:
		return ggufFloat(kind, b)
	case ggufI8, ggufI16, ggufI32, ggufI64:
		return ggufSigned(kind, b)
	}
	return ggufUnsigned(kind, b)
}

// array reads an array of strings or of a fixed-width type.
func (r *ggufReader) array() any {
	kind := r.u32()
	switch {
	case r.err != nil:
		return nil
	case kind == ggufString:
		return r.strings(r.count("strings", 8))
	case kind == ggufArray:
		r.fail("arrays of arrays are not supported")
		return nil
	case kind >= ggufTypes:
		r.fail("unknown value type %d", kind)
		return nil
	}
	width := ggufWidth[kind]
	n := r.count("values", width)
	b := r.take(uint64(n) * uint64(width))
	switch kind {
	case ggufBool:
		return decodeArray(b, width, func(b []byte) bool { return b[0] != 0 })
	case ggufF32, ggufF64:
		return decodeArray(b, width, func(b []byte) float64 { return ggufFloat(kind, b) })
	case ggufI8, ggufI16, ggufI32, ggufI64:
		return decodeArray(b, width, func(b []byte) int64 { return ggufSigned(kind, b) })
	}
	return decodeArray(b, width, func(b []byte) uint64 { return ggufUnsigned(kind, b) })
}

// strings reads n strings. A vocabulary has tens of thousands, so the bytes are
// copied once for all of them.
func (r *ggufReader) strings(n int) []string {
	begin := r.at
	for range n {
		if r.take(r.u64()); r.err != nil {
			return nil
		}
	}
	text := string(r.data[begin:r.at])
	out := make([]string, n)
	at := 0
	for i := range out {
		size := int(binary.LittleEndian.Uint64(r.data[begin+at:]))
		out[i] = text[at+8 : at+8+size]
		at += 8 + size
	}
	return out
}

// decodeArray decodes values of the given width, one after the other.
func decodeArray[T any](b []byte, width int, decode func([]byte) T) []T {
	out := make([]T, len(b)/width)
	for i := range out {
		out[i] = decode(b[i*width:])
	}
	return out
}

func ggufUnsigned(kind uint32, b []byte) uint64 {
	switch kind {
	case ggufU8:
		return uint64(b[0])
	case ggufU16:
		return uint64(binary.LittleEndian.Uint16(b))
	case ggufU32:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func ggufSigned(kind uint32, b []byte) int64 {
	switch kind {
	case ggufI8:
		return int64(int8(b[0]))
	case ggufI16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case ggufI32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func ggufFloat(kind uint32, b []byte) float64 {
	if kind == ggufF32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// Architecture is GGUF's general.architecture; empty where there is none. The
// keys of the architecture's own parameters begin with it.
func (m Meta) Architecture() string {
	name, _ := m.String("general.architecture")
	return strings.TrimSpace(name)
}
