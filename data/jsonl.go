package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// openJSONL reads an object a line; empty lines are no rows.
func openJSONL(path string, o Options) (Dataset, error) {
	return openRows(path, o, splitLines, parseObject)
}

// openJSON reads one array of objects, as the annotation files of COCO captions are.
func openJSON(path string, o Options) (Dataset, error) {
	return openRows(path, o, splitArray, parseObject)
}

func splitLines(r io.Reader, yield func(recordAt, []byte, error)) error {
	lines := newLineReader(r)
	for {
		at := recordAt{offset: lines.offset, line: lines.number + 1}
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errLongRecord) {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		at.length = int32(len(line))
		yield(at, line, err)
	}
}

// splitArray steps through the elements of an array. After a mistake in the syntax nothing more can be found.
func splitArray(r io.Reader, yield func(recordAt, []byte, error)) error {
	count := &lineCounter{r: r}
	dec := json.NewDecoder(count)
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.New("is not an array of objects; for an object a line the name should end in .jsonl")
	}
	splitDecoded(dec, count, yield)
	return nil
}

// splitValues steps through the elements of an array, or through objects one behind another.
func splitValues(r io.Reader, yield func(recordAt, []byte, error)) error {
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), r)
	if bytes.HasPrefix(bytes.TrimSpace(head), []byte("[")) {
		return splitArray(r, yield)
	}
	count := &lineCounter{r: r}
	splitDecoded(json.NewDecoder(count), count, yield)
	return nil
}

// splitDecoded yields what a decoder reads until its array or its input ends.
func splitDecoded(dec *json.Decoder, count *lineCounter, yield func(recordAt, []byte, error)) {
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			yield(recordAt{line: count.lineAt(dec.InputOffset())}, nil, fmt.Errorf("nothing is read from here on: %w", err))
			return
		}
		begin := dec.InputOffset() - int64(len(raw))
		at := recordAt{offset: begin, length: int32(len(raw)), line: count.lineAt(begin)}
		if len(raw) > maxRecord {
			yield(at, nil, errLongRecord)
			continue
		}
		yield(at, raw, nil)
	}
}

// lineCounter remembers where the lines begin that have been read and not yet asked for.
type lineCounter struct {
	r      io.Reader
	read   int64
	breaks []int64 // offsets after line breaks
	line   int32   // breaks that have been passed
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.breaks = append(c.breaks, c.read+int64(i)+1)
		}
	}
	c.read += int64(n)
	return n, err
}

// lineAt is the line of an offset; offsets must not go back.
func (c *lineCounter) lineAt(offset int64) int32 {
	passed := 0
	for passed < len(c.breaks) && c.breaks[passed] <= offset {
		passed++
	}
	c.breaks = c.breaks[passed:]
	c.line += int32(passed)
	return c.line + 1
}

func parseObject(record []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(record, []byte("\ufeff"))))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the object does not end")
		}
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if fields == nil {
		return nil, errors.New("not a JSON object: null")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	plain(fields)
	return fields, nil
}
