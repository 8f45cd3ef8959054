package picture

import (
	"errors"
	"fmt"
)

// Errors that decoding wraps, for errors.Is.
var (
	// ErrNotPicture is for bytes that are in none of the formats read here.
	ErrNotPicture = errors.New("not a picture")
	// ErrTooLarge is for a picture with more pixels than Options.MaxPixels.
	ErrTooLarge = errors.New("too many pixels")
	// ErrBroken is for a picture that begins well and cannot be read to its end, or is of a kind that is not read here.
	ErrBroken = errors.New("broken picture")
)

// decodeError is one line that says why, with the class for errors.Is and, where one helps, a hint for the user.
type decodeError struct {
	kind error
	text string
	hint string
	err  error // the cause, or nil
}

func (e *decodeError) Error() string { return e.text }

// Hint returns what the user could do, or nothing.
func (e *decodeError) Hint() string { return e.hint }

func (e *decodeError) Unwrap() []error {
	if e.err == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.err}
}

// unsupportedError is why a picture that may be whole is not read.
type unsupportedError string

func (e unsupportedError) Error() string { return string(e) + ": not supported" }

func unsupported(format string, args ...any) error {
	return unsupportedError(fmt.Sprintf(format, args...))
}

func brokenError(format string, cause error) error {
	if e := unsupportedError(""); errors.As(cause, &e) {
		return &decodeError{kind: ErrBroken, text: fmt.Sprintf("this kind of %s picture is not read here: %s", format, string(e)), err: cause}
	}
	return &decodeError{kind: ErrBroken, text: fmt.Sprintf("%s picture is broken or cut short: %v", format, cause), err: cause}
}

func tooLargeError(format string, w, h, limit int) error {
	return &decodeError{
		kind: ErrTooLarge,
		text: fmt.Sprintf("%s picture of %d×%d has more pixels than the limit of %d", format, w, h, limit),
		hint: "raise the limit with --max-pixels if the picture can be trusted and memory is plenty (about 10 bytes a pixel)",
	}
}
