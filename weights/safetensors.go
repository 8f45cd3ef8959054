package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxHeader is the reference implementation's limit on a safetensors header.
const maxHeader = 100_000_000

// safetensorsEntry is a tensor in a safetensors header; the offsets count from
// the end of the header.
type safetensorsEntry struct {
	DType   string  `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// parseSafetensors reads the header: 8 bytes of length, then a JSON object of
// tensors and, under __metadata__, strings. As in the reference implementation
// the tensors cover the rest of the file without gaps or overlaps.
func parseSafetensors(f *File, data []byte) error {
	f.Format = Safetensors
	if len(data) < 8 {
		return errors.New("truncated before the header")
	}
	size := binary.LittleEndian.Uint64(data)
	if size > maxHeader {
		return fmt.Errorf("a header of %d bytes, at most %d are supported", size, maxHeader)
	}
	if size > uint64(len(data)-8) {
		return fmt.Errorf("truncated: the header has %d bytes, the file only %d", size, len(data))
	}
	header, body := data[8:8+size], data[8+size:]

	decoder := json.NewDecoder(bytes.NewReader(header))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return fmt.Errorf("header: not a JSON object (%w)", orMalformed(err))
	}
	var spans []span
	seenMeta := false
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("header: %w", orMalformed(err))
		}
		name, _ := token.(string) // a key is always a string
		if name == "__metadata__" {
			if seenMeta {
				return errors.New("header: __metadata__ twice")
			}
			seenMeta = true
			if err := safetensorsMeta(f, decoder); err != nil {
				return err
			}
			continue
		}
		var listed safetensorsEntry
		if err := decoder.Decode(&listed); err != nil {
			return fmt.Errorf("tensor %s: header: %w", quote(name), orMalformed(err))
		}
		tensor, begin, err := listed.tensor(name, body)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", quote(name), err)
		}
		if err := f.add(entry{Tensor: tensor}); err != nil {
			return err
		}
		spans = append(spans, span{name, begin, begin + len(tensor.Data)})
	}
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("header: %w", orMalformed(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("header: more after its end")
	}
	return checkCover(spans, len(body))
}

// orMalformed replaces the errors that say nothing about the header.
func orMalformed(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("malformed JSON")
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s cannot be of JSON type %s", cmp.Or(wrong.Field, "an entry"), wrong.Value)
	}
	return err
}

// safetensorsMeta reads the strings under __metadata__.
func safetensorsMeta(f *File, decoder *json.Decoder) error {
	var strings map[string]string
	if err := decoder.Decode(&strings); err != nil {
		return fmt.Errorf("header: __metadata__: %w", orMalformed(err))
	}
	f.Meta = Meta{}
	for key, value := range strings {
		f.Meta[key] = value
	}
	return nil
}

// tensor checks a header's claim against the bytes that follow the header.
func (listed safetensorsEntry) tensor(name string, body []byte) (t Tensor, begin int, err error) {
	kind, err := typeNamed(listed.DType)
	if err != nil {
		return t, 0, err
	}
	size, err := byteSize(kind, listed.Shape)
	if err != nil {
		return t, 0, err
	}
	if len(listed.Offsets) != 2 {
		return t, 0, fmt.Errorf("%d data offsets instead of 2", len(listed.Offsets))
	}
	from, to := listed.Offsets[0], listed.Offsets[1]
	if from < 0 || to < 0 {
		return t, 0, fmt.Errorf("data offsets %d and %d: before the data", from, to)
	}
	if from > to {
		return t, 0, fmt.Errorf("ends at byte %d, before its beginning at %d", to, from)
	}
	if to-from != int64(size) {
		return t, 0, fmt.Errorf("%v %v needs %d bytes, the header gives it %d", kind, listed.Shape, size, to-from)
	}
	if to > int64(len(body)) {
		return t, 0, fmt.Errorf("truncated: it ends at byte %d of the data, the file has %d", to, len(body))
	}
	return Tensor{Name: name, Type: kind, Shape: listed.Shape, Data: body[from:to:to]}, int(from), nil
}

// span is where a tensor lies in the data of its file.
type span struct {
	name     string
	from, to int
}

// checkOverlap sorts the spans and refuses two that share a byte.
func checkOverlap(spans []span) error {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.name, b.name))
	})
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return fmt.Errorf("tensor %s: overlaps tensor %s", quote(spans[i].name), quote(spans[i-1].name))
		}
	}
	return nil
}

// checkCover refuses overlaps, gaps and bytes after the last tensor: a file
// that was cut, grown or patched by hand.
func checkCover(spans []span, size int) error {
	if err := checkOverlap(spans); err != nil {
		return err
	}
	end := 0
	for _, s := range spans {
		if s.from != end {
			return fmt.Errorf("tensor %s: %d bytes before it belong to no tensor", quote(s.name), s.from-end)
		}
		end = s.to
	}
	if end != size {
		return fmt.Errorf("%d bytes after the last tensor belong to none", size-end)
	}
	return nil
}
