package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"dragoman/internal/plainjson"
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

func parseObject(record []byte) (map[string]any, error) {
	record = bytes.TrimLeft(bytes.TrimPrefix(record, []byte("\ufeff")), " \t\r\n")
	if len(record) > 0 && record[0] != '{' && json.Valid(record) { // what is not JSON is said below, where
		return nil, fmt.Errorf("not a JSON object: it begins with %q", rune(record[0]))
	}
	dec := json.NewDecoder(bytes.NewReader(record))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the object does not end")
		}
		return nil, fmt.Errorf("not a JSON object: %w", plainjson.Error(err))
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
