package largepages

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// size is a large page's on amd64, and on arm64 where pages are of 4 KB.
const size = 2 << 20

// ask gives the system leave to lay out all whole large pages of b as such, once they are written. What of b has been written before stays
// as it is.
func ask(b []byte) {
	whole := b[size-1-(uintptr(unsafe.Pointer(&b[0]))-1)%size:]
	whole = whole[:len(whole)/size*size]
	if len(whole) > 0 {
		_ = unix.Madvise(whole, unix.MADV_HUGEPAGE) // a system without them says so, and small pages do as well
	}
}
