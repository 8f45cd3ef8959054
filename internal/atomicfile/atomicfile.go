// Package atomicfile replaces files so that a reader, or a machine that loses
// power, finds either the whole old file or the whole new one.
package atomicfile

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// bufferSize joins a writer's small writes into pages worth a system call.
const bufferSize = 1 << 18

// WriteFile replaces the file at path with what write produces. The bytes go
// to a temporary file beside path, which is synced and renamed over path, and
// the directory is synced after that. Until the rename the old file is
// untouched: when write, or any later step, fails, the temporary file is
// removed and path is as it was.
//
// The result has the permissions of the file it replaces, or 0644. A symbolic
// link is followed: the file that it names is replaced, the link stays. A pipe
// or a device (/dev/stdout, /dev/null) is no file to replace: it is written to.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeThrough(path, write)
	}
	target, err := behindLinks(path)
	if err != nil {
		return fmt.Errorf("writing: %s: %w", path, err)
	}
	path = target
	mode := os.FileMode(0o644)
	if info, statErr := os.Stat(path); statErr == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("writing: %s: not a regular file", path)
		}
		mode = info.Mode().Perm()
	}
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+short(filepath.Base(path))+".*.tmp")
	if err != nil {
		return fmt.Errorf("writing: %s: %w", path, reason(err))
	}
	temporary := file.Name()
	defer Track(temporary)()
	renamed := false
	defer func() {
		if renamed {
			return
		}
		// The first failure is the one to report; closing twice is harmless. A
		// panic in write passes through here too and leaves nothing behind.
		_ = file.Close()
		_ = os.Remove(temporary)
	}()

	buffered := bufio.NewWriterSize(file, bufferSize)
	if err := write(buffered); err != nil {
		return fmt.Errorf("writing: %s: %w", path, reason(err))
	}
	if err := cmp.Or(buffered.Flush(), file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing: %s: %w", path, reason(err))
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("writing: %s: %w", path, err)
	}
	renamed = true
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("writing: %s: sync directory: %w", path, err)
	}
	return nil
}

// writeThrough writes to what is no file. A pipe that nobody reads is an error,
// not a wait.
func writeThrough(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		buffered := bufio.NewWriterSize(file, bufferSize)
		err = cmp.Or(write(buffered), buffered.Flush(), file.Close())
	}
	if failed := (*os.PathError)(nil); errors.As(err, &failed) && failed.Path == path {
		err = failed.Err
	}
	if err != nil {
		return fmt.Errorf("writing: %s: %w", path, err)
	}
	return nil
}

// short leaves room in a name for what a temporary one has besides: a name may
// be as long as names are.
func short(name string) string {
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "")
}

const longest = 200 // bytes, of the 255 that most systems allow

// behindLinks is the file that a path names, there or not yet.
func behindLinks(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		return target, nil
	}
	target, linkErr := os.Readlink(path)
	switch {
	case linkErr != nil:
		return path, nil // nothing is there, or opening it says what is wrong
	case !errors.Is(err, fs.ErrNotExist):
		return "", err // links in a circle
	case filepath.IsAbs(target):
		return target, nil
	}
	return filepath.Join(filepath.Dir(path), target), nil
}

// temporaries is how the names of temporary files look.
var temporaries = regexp.MustCompile(`^\..+\.[0-9]+\.tmp$`)

// Sweep removes the temporary files in a directory that processes left which
// were killed in [WriteFile]. Nothing may be writing there.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && temporaries.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// reason is what went wrong, without the name of the temporary file, which says nothing to a user.
func reason(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) && filepath.Ext(pathError.Path) == ".tmp" {
		return pathError.Err
	}
	return err
}

// WriteBytes is [WriteFile] for contents already in memory.
func WriteBytes(path string, contents []byte) error {
	return WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(contents)
		return err
	})
}
