package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"dragoman/internal/hint"
	"dragoman/picture"
)

// oneLine keeps an error or a caption on its line.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

// shown is what is said to a person, on one line: what a terminal obeys, in the name of a file that somebody else made, stands as in Go.
func shown(s string) string {
	var b strings.Builder
	for s = oneLine(s); s != ""; {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsControl(r) && r != '\t':
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// emit writes a result: an object a line with --json, else the text.
func (c *cli) emit(object any, text string) error {
	if c.json {
		b, err := json.Marshal(object)
		if err != nil {
			return err
		}
		text = string(b)
	}
	if _, err := fmt.Fprintln(c.out, text); err != nil {
		return err
	}
	return c.out.Flush() // a reader at the other end of a pipe sees each item as it is done
}

// itemError is the object that stands in a failed item's place.
type itemError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Hint    string `json:"hint,omitempty"`
}

// emitError shows an item's failure in its place: an object on stdout with --json, else a line on stderr.
func (c *cli) emitError(key, item string, err error, also ...string) error {
	if !c.json {
		c.showError(naming(item, err))
		return nil
	}
	object := map[string]any{key: item, "error": itemError{plainly(err), errorType(err), hint.Of(err)}}
	for _, k := range also {
		object[k] = item
	}
	return c.emit(object, "")
}

// naming is an error that names the item it is about, behind what failed, where it doesn't yet: on standard error nothing else tells which of many it was.
func naming(item string, err error) error {
	item = oneLine(picture.Called(item))
	text := plainly(err)
	what, why, ok := strings.Cut(text, ": ")
	if !ok || item == "" || strings.Contains(text, item+": ") || item != stream && strings.Contains(text, item) {
		return err
	}
	return hint.Wrap(fmt.Errorf("%s: %s: %s", what, item, why), "%s", hint.Of(err))
}

// errorType names the kind of a failure for scripts.
func errorType(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "not_found"
	case errors.Is(err, os.ErrPermission):
		return "permission_denied"
	}
	var t interface{ ErrorType() string }
	if errors.As(err, &t) {
		return t.ErrorType()
	}
	return "invalid_input"
}

// isTerminal says whether w is a terminal that may be drawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// writer is the buffered standard output.
func writer(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(resultWriter{w}, 1<<16) }

// resultWriter marks the errors of standard output.
type resultWriter struct{ io.Writer }

func (w resultWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err // standard output is no path that the user gave
		}
		err = &outputError{err}
	}
	return n, err
}

// outputError is a result that could not be written: no item's error, as no further item could be written either.
type outputError struct{ error }

func (o *outputError) Error() string {
	return "writing the result: standard output: " + o.error.Error()
}

func (o *outputError) Unwrap() error { return o.error }
