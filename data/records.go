package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/internal/readfile"
)

// maxRecord is the longest record that is read; pictures may be inside as base64.
const maxRecord = 64 << 20

var errLongRecord = fmt.Errorf("the record is longer than %d bytes", maxRecord)

// recordAt is where one record lies in its file.
type recordAt struct {
	offset int64
	length int32
	line   int32 // of its first line, from 1
}

// source is where records are read from, and again when they are asked for.
type source interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// held is a source in memory.
type held struct{ *bytes.Reader }

func (held) Close() error { return nil }

// isStream says whether a path means standard input.
func isStream(path string, stdin io.Reader) bool { return path == "-" && stdin != nil }

// maxStream is the most that is read of standard input, which is held in memory.
const maxStream = 1 << 30

// openSource opens a file, or reads standard input whole.
func openSource(path string, stdin io.Reader) (source, error) {
	if isStream(path, stdin) {
		b, err := readfile.UpTo(stdin, maxStream)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return held{bytes.NewReader(b)}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// formatOfStream is how standard input is read: as was asked for, of those that are text, or a record a line.
func formatOfStream(asked string, known []string) (string, error) {
	if asked == "" {
		return "jsonl", nil
	}
	known = slices.DeleteFunc(slices.Clone(known), func(f string) bool { return !slices.Contains([]string{"jsonl", "json", "csv", "tsv"}, f) })
	if !slices.Contains(known, asked) {
		last := len(known) - 1
		return "", fmt.Errorf("-: standard input is read as %s or %s, not as %.40q", strings.Join(known[:last], ", "), known[last], asked)
	}
	return asked, nil
}

// recordFile is what records in a text file become: the index holds 16 bytes a record,
// and one is read and parsed when it is asked for.
type recordFile[T any] struct {
	path  string
	file  source
	index []recordAt
	parse func(r *record) (T, error)
}

// openRecords builds the index: split finds the records and parse makes something of one; good is told what was made, broken what was not.
func openRecords[T any](
	path string, stdin io.Reader, split splitter, parse func(r *record) (T, error), good func(T), broken func(where string, err error),
) (*recordFile[T], error) {
	f, err := openSource(path, stdin)
	if err != nil {
		return nil, err
	}
	d := &recordFile[T]{path: path, file: f, parse: parse}
	err = split(f, func(at recordAt, text []byte, err error) {
		var made T
		if err == nil {
			made, err = parse(d.recordOf(at, text))
		}
		if err != nil {
			broken(d.where(at), err)
			return
		}
		good(made)
		d.index = append(d.index, at)
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// splitter calls yield for each record of a file: where it is, what it holds (good until the next call), and why it is
// broken, if it is.
type splitter func(r io.Reader, yield func(at recordAt, record []byte, err error)) error

func (d *recordFile[T]) where(at recordAt) string { return fmt.Sprintf("%s:%d", d.path, at.line) }

func (d *recordFile[T]) Len() int { return len(d.index) }

// recordOf is a record that was read.
func (d *recordFile[T]) recordOf(at recordAt, text []byte) *record {
	return &record{text: text, where: d.where(at), offset: at.offset, json: true, read: func(s span) ([]byte, error) { return readAt(d.file, s) }}
}

// readAt reads a piece of a file that was there when it was opened.
func readAt(file io.ReaderAt, s span) ([]byte, error) {
	b := make([]byte, s.size)
	_, err := file.ReadAt(b, s.offset)
	if errors.Is(err, io.EOF) {
		err = errors.New("the file became shorter since it was opened")
	}
	return b, err
}

// one reads a record again.
func (d *recordFile[T]) one(i int) (T, error) {
	var none T
	at := d.index[i]
	text, err := readAt(d.file, span{at.offset, int64(at.length)})
	if err != nil {
		return none, &RowError{d.where(at), err}
	}
	made, err := d.parse(d.recordOf(at, text))
	if err != nil {
		return none, &RowError{d.where(at), err}
	}
	return made, nil
}

func (d *recordFile[T]) Close() error { return d.file.Close() }

// rowFile is a dataset of pairs in a text file.
type rowFile struct {
	*recordFile[Row]
	report Report
}

// openRows makes rows of the fields of records.
func openRows(path string, o Options, split splitter, parse func(record []byte) (map[string]any, error)) (Dataset, error) {
	d := &rowFile{}
	f, err := openRecords(path, o.Stdin, split, func(r *record) (Row, error) {
		fields, err := parse(r.text)
		if err != nil {
			return Row{}, err
		}
		return rowFrom(fields, r.where, filepath.Dir(path), o)
	}, func(Row) { d.report.Rows++ }, d.report.Add)
	if err != nil {
		return nil, err
	}
	d.recordFile = f
	return d, nil
}

func (d *rowFile) Row(i int) (Row, error) { return d.one(i) }

func (d *rowFile) Report() Report { return d.report }

// lineReader gives lines with where they begin, and holds no more than maxRecord bytes of any.
type lineReader struct {
	r      *bufio.Reader
	offset int64 // of the next line
	number int32 // of the last line
	buf    []byte
	again  []byte // lines that were given back
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 1<<16)}
}

// unread gives back the last lines, which must be whole and not longer than what was read.
func (l *lineReader) unread(lines []byte) {
	l.number -= int32(bytes.Count(lines, []byte{'\n'}))
	if len(lines) > 0 && lines[len(lines)-1] != '\n' {
		l.number--
	}
	l.offset -= int64(len(lines))
	l.again = append(append([]byte(nil), lines...), l.again...)
}

// next returns the next line with its line break, and io.EOF after the last. Of a line that is too long the beginning is
// returned with errLongRecord.
func (l *lineReader) next() (line []byte, err error) {
	l.number++
	if len(l.again) > 0 {
		end := bytes.IndexByte(l.again, '\n') + 1
		if end == 0 {
			end = len(l.again)
		}
		line, l.again = l.again[:end], l.again[end:]
		l.offset += int64(end)
		return line, nil
	}
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		l.offset += int64(len(part))
		if len(l.buf)+len(part) > maxRecord {
			long = true
		} else {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(l.buf) > 0 || long), err == nil:
			if long {
				return l.buf, errLongRecord
			}
			return l.buf, nil
		default:
			l.number--
			return nil, err
		}
	}
}
