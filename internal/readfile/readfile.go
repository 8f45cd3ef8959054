// Package readfile reads whole files that somebody named, of whatever kind they turn out to be: in bounded memory, and not for ever.
package readfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// TooLarge is the error where a file has more bytes than these.
type TooLarge int64

func (e TooLarge) Error() string { return fmt.Sprintf("larger than %d bytes", int64(e)) }

// IsTooLarge says whether an error is one.
func IsTooLarge(err error) bool { return errors.As(err, new(TooLarge)) }

// patience is how long a pipe is waited for that nobody writes to.
var patience = 5 * time.Second

// Regular reads a file on a disk, of at most so many bytes. An error does not name it, but for those of package os.
func Regular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s, not a file", kind(info.Mode()))
	}
	return open(path, limit, 0)
}

// Any reads a file or what a pipe has, as shells make pipes of a command's output. Devices, which may have no end, are refused.
func Any(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case path == os.DevNull: // which is meant to have nothing
		return nil, nil
	case info.Mode()&fs.ModeNamedPipe != 0:
		return open(path, limit, syscall.O_NONBLOCK) // opening it another way waits for somebody who writes
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s, not a file", kind(info.Mode()))
	}
	return open(path, limit, 0)
}

func open(path string, limit int64, flag int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flag, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := UpTo(f, limit)
	if flag != 0 {
		for until := time.Now().Add(patience); err == nil && len(data) == 0; data, err = UpTo(f, limit) {
			if time.Now().After(until) {
				return nil, errors.New("a pipe that nobody writes to")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return data, err
}

// UpTo reads all that r has, of at most so many bytes. One that again and again has none and does not end is io.ErrNoProgress.
func UpTo(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(&progressing{r: io.LimitReader(r, limit+1)})
	if err == nil && int64(len(data)) > limit {
		return nil, TooLarge(limit)
	}
	return data, err
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "something else"
}

// progressing is a reader that gives up on one that has nothing.
type progressing struct {
	r     io.Reader
	empty int // reads in a row
}

// patientReads is how many reads may give nothing, one after another, as in package bufio.
const patientReads = 100

func (p *progressing) Read(b []byte) (n int, err error) {
	n, err = p.r.Read(b)
	if n > 0 || err != nil || len(b) == 0 {
		p.empty = 0
		return n, err
	}
	if p.empty++; p.empty == patientReads {
		return 0, io.ErrNoProgress
	}
	return 0, nil
}
