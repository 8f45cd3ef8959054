package data

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxQuotedLines is how many lines a quoted field may span before its quote counts as forgotten.
const maxQuotedLines = 1000

// openCSV reads comma-separated values with a header (RFC 4180).
func openCSV(path string, o Options) (Dataset, error) {
	t := &table{cells: cellsOfCSV, balanced: true}
	return openRows(path, o, t.split, t.parse)
}

// openTSV reads tab-separated values with a header. Quotes are ordinary characters there.
func openTSV(path string, o Options) (Dataset, error) {
	t := &table{cells: cellsOfTSV}
	return openRows(path, o, t.split, t.parse)
}

// table knows the header of a file and how its records become cells.
type table struct {
	header   []string
	cells    func(record []byte) ([]string, error)
	balanced bool // records end at a line break outside of quotes
}

// split takes the first record as the header and yields the others.
func (t *table) split(r io.Reader, yield func(recordAt, []byte, error)) error {
	lines := newLineReader(r)
	for {
		at, record, err := t.next(lines)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case t.header == nil:
			if err != nil {
				return fmt.Errorf("header: %w", err)
			}
			if t.header, err = t.cells(bytes.TrimPrefix(record, []byte("\ufeff"))); err != nil {
				return fmt.Errorf("header: %w", err)
			}
			seen := map[string]bool{}
			for i, name := range t.header {
				name = strings.ToLower(strings.TrimSpace(name))
				if seen[name] && name != "" {
					return fmt.Errorf("header: there are two columns %.40q", name)
				}
				t.header[i], seen[name] = name, true
			}
		case err != nil && !errors.Is(err, errLongRecord) && !errors.Is(err, errQuote):
			return err
		default:
			yield(at, record, err)
		}
	}
}

var errQuote = errors.New("a quote is not closed")

// next returns the next record that is not empty. A forgotten quote costs its own line only.
func (t *table) next(lines *lineReader) (at recordAt, record []byte, err error) {
	for {
		at = recordAt{offset: lines.offset, line: lines.number + 1}
		record, err = lines.next()
		if err != nil {
			return at, nil, err
		}
		if len(bytes.TrimSpace(record)) == 0 {
			continue
		}
		if t.balanced && oddQuotes(record) {
			record, err = t.quoted(lines, record)
		}
		at.length = int32(len(record))
		return at, record, err
	}
}

func oddQuotes(line []byte) bool { return bytes.Count(line, []byte{'"'})%2 == 1 }

// quoted adds lines to the first until the quotes are even and the record makes sense. If that does not happen, the lines
// after the first are given back.
func (t *table) quoted(lines *lineReader, first []byte) ([]byte, error) {
	record := append([]byte(nil), first...)
	for range maxQuotedLines {
		line, err := lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return record, err
		}
		if err != nil || len(record)+len(line) > maxRecord {
			break
		}
		record = append(record, line...)
		if oddQuotes(line) {
			if _, err := t.cells(record); err != nil {
				break
			}
			return record, nil
		}
	}
	lines.unread(record[len(first):])
	return record[:len(first)], errQuote
}

func (t *table) parse(record []byte) (map[string]any, error) {
	cells, err := t.cells(record)
	if err != nil {
		return nil, err
	}
	if len(cells) != len(t.header) {
		return nil, fmt.Errorf("has %d cells, the header has %d", len(cells), len(t.header))
	}
	fields := make(map[string]any, len(cells))
	for i, name := range t.header {
		fields[name] = cells[i]
	}
	return fields, nil
}

func cellsOfCSV(record []byte) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(record))
	cells, err := r.Read()
	if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
		err = pe.Err // its line number counts from the record
	}
	return cells, err
}

func cellsOfTSV(record []byte) ([]string, error) {
	return strings.Split(strings.TrimRight(string(record), "\r\n"), "\t"), nil
}
