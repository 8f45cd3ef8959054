package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// splitArray steps through the elements of an array. Behind one that does not end, or where a comma is missing, nothing more can be found.
func splitArray(r io.Reader, yield func(recordAt, []byte, error)) error {
	v := newValueReader(r)
	if v.next() != '[' && v.err == nil {
		return errors.New("is not an array of objects; for an object a line the name should end in .jsonl")
	}
	return v.elements(yield)
}

// splitValues steps through the elements of an array, or through objects one behind another.
func splitValues(r io.Reader, yield func(recordAt, []byte, error)) error {
	v := newValueReader(r)
	if v.next() == '[' {
		return v.elements(yield)
	}
	for ; !v.ended; v.next() {
		yield(v.value())
	}
	return v.err
}

var errCut = errors.New("nothing is read from here on: what begins here does not end")

// valueReader reads JSON value by value. It finds where each ends, without asking whether it is sound, and holds no more than maxRecord
// bytes of any.
type valueReader struct {
	r     *bufio.Reader
	at    recordAt // of the next byte
	ended bool
	err   error // why, if not because the file ended
	buf   []byte
}

func newValueReader(r io.Reader) *valueReader {
	v := &valueReader{r: bufio.NewReaderSize(r, 1<<16), at: recordAt{line: 1}}
	if bytes.HasPrefix(v.chunk(3), []byte("\ufeff")) {
		v.pass(3)
	}
	return v
}

// chunk is what has been read and not passed: n bytes or more, but at the end of the file.
func (v *valueReader) chunk(n int) []byte {
	if v.r.Buffered() < n {
		_, err := v.r.Peek(n)
		v.ended = v.r.Buffered() == 0
		if err != nil && !errors.Is(err, io.EOF) {
			v.ended, v.err = true, err
		}
	}
	b, _ := v.r.Peek(v.r.Buffered()) // which is there
	return b
}

// pass goes on by some bytes of the chunk.
func (v *valueReader) pass(n int) {
	b, _ := v.r.Peek(n)
	v.at.line += int32(bytes.Count(b, []byte{'\n'}))
	v.at.offset += int64(n)
	_, _ = v.r.Discard(n) // which is there
}

// next passes what stands between values, and is the byte that follows; 0 at the end.
func (v *valueReader) next() byte {
	for {
		c := v.chunk(1)
		if v.ended {
			return 0
		}
		rest := bytes.TrimLeft(c, " \t\r\n")
		v.pass(len(c) - len(rest))
		if len(rest) > 0 {
			return rest[0]
		}
	}
}

// elements yields what an array has that begins here.
func (v *valueReader) elements(yield func(recordAt, []byte, error)) error {
	for {
		v.pass(1) // the bracket or a comma
		switch c := v.next(); {
		case c == ']':
			return nil
		case !v.ended:
			at, text, err := v.value()
			yield(at, text, err)
			if errors.Is(err, errCut) {
				return v.err
			}
		}
		switch c := v.next(); {
		case v.err != nil:
			return v.err
		case v.ended:
			yield(v.at, nil, errors.New("nothing is read from here on: the array does not end"))
			return nil
		case c == ']':
			return nil
		case c != ',':
			yield(v.at, nil, fmt.Errorf("nothing is read from here on: %q where a comma should be", rune(c)))
			return nil
		}
	}
}

// value reads what begins here, at least one byte, as a splitter yields it.
func (v *valueReader) value() (at recordAt, text []byte, err error) {
	at, v.buf = v.at, v.buf[:0]
	var s valueState
	for done := false; !done; {
		c := v.chunk(1)
		if v.ended {
			if s.depth > 0 || s.quoted {
				err = errCut
			}
			break
		}
		n := 0
		for n < len(c) && !done {
			if s.before(c[n]) {
				done = true
				break
			}
			done = s.take(c[n])
			n++
		}
		if len(v.buf)+n > maxRecord {
			err = errLongRecord
		} else {
			v.buf = append(v.buf, c[:n]...)
		}
		v.pass(n)
	}
	at.length = int32(len(v.buf))
	return at, v.buf, err
}

// valueState is how far a value has been read.
type valueState struct {
	depth           int
	quoted, escaped bool
	begun           bool
}

// before says whether a value ended before a byte: a number or a word, which nothing closes.
func (s *valueState) before(b byte) bool {
	return s.begun && s.depth == 0 && !s.quoted && bytes.IndexByte([]byte(" \t\r\n,]}[{\""), b) >= 0
}

// take says whether a value ends with a byte.
func (s *valueState) take(b byte) bool {
	s.begun = true
	switch {
	case s.escaped:
		s.escaped = false
		return false
	case s.quoted && b == '\\':
		s.escaped = true
		return false
	case b == '"':
		s.quoted = !s.quoted
	case s.quoted:
		return false
	case b == '{', b == '[':
		s.depth++
		return false
	case b == '}', b == ']':
		s.depth--
	default:
		return false
	}
	return s.depth <= 0 && !s.quoted
}
