package weights

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapping maps the file's first size bytes, read only.
func mapping(file *os.File, size int) (data []byte, unmap func() error, err error) {
	section, err := windows.CreateFileMapping(windows.Handle(file.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, nil, err
	}
	address, err := windows.MapViewOfFile(section, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, errors.Join(err, windows.CloseHandle(section))
	}
	// The view is not memory of Go's heap: taking its address through a pointer
	// to the variable keeps vet's rule about converted addresses.
	data = unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), size)
	unmap = func() error {
		return errors.Join(windows.UnmapViewOfFile(address), windows.CloseHandle(section))
	}
	return data, unmap, nil
}
