//go:build unix

package weights

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapping maps the file's first size bytes, read only.
func mapping(file *os.File, size int) (data []byte, unmap func() error, err error) {
	data, err = unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
