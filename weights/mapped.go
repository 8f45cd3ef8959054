package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"unsafe"
)

// mapped is a file whose bytes are seen in memory. It stays open beside its mapping, because what is converted is read from it
// instead (see [Tensor.Recode]).
type mapped struct {
	file   *os.File // nil where the file was read into memory
	data   []byte
	unmap  func() error
	advise sync.Once
}

// mapFile maps a regular file, or reads it where mapping is not to be had.
func mapFile(path string) (*mapped, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if info.Size() == 0 {
		return &mapped{}, nil
	}
	if info.Size() != int64(int(info.Size())) {
		return nil, fmt.Errorf("%s: %d bytes do not fit this machine's addresses", path, info.Size())
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	m := &mapped{file: file}
	if m.data, m.unmap, err = mapping(file, int(info.Size())); err == nil {
		return m, nil
	}
	m.data = make([]byte, info.Size())
	_, err = io.ReadFull(file, m.data)
	if err = errors.Join(err, m.close()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Clean(path), err)
	}
	m.file = nil
	return m, nil
}

func (m *mapped) close() error {
	var errs []error
	if m.unmap != nil {
		errs = append(errs, m.unmap())
	}
	if m.file != nil {
		errs = append(errs, m.file.Close())
	}
	return errors.Join(errs...)
}

// offset is where bytes that view the mapping begin in the file; false where they lie elsewhere.
func (m *mapped) offset(data []byte) (at int64, ok bool) {
	if m == nil || m.file == nil || len(data) == 0 || len(m.data) < len(data) {
		return 0, false
	}
	from, begin := uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&m.data[0]))
	if from < begin || from-begin > uintptr(len(m.data)-len(data)) {
		return 0, false
	}
	return int64(from - begin), true
}

// read fills dst from the file, past the mapping.
func (m *mapped) read(dst []byte, at int64) error {
	m.advise.Do(func() { sequential(m.file) })
	_, err := m.file.ReadAt(dst, at)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s became shorter", m.file.Name())
	}
	return err
}
