package kernel

import "golang.org/x/sys/unix"

var mapped [][]byte

// fenced is n bytes that end just before memory which cannot be read, or begin just behind it.
func fenced(n int, atEnd bool) []byte {
	page := unix.Getpagesize()
	size := roundUp(max(n, 1), page)
	m, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	mapped = append(mapped, m)
	if err := unix.Mprotect(m[:page], unix.PROT_NONE); err != nil {
		panic(err)
	}
	if err := unix.Mprotect(m[page+size:], unix.PROT_NONE); err != nil {
		panic(err)
	}
	if atEnd {
		return m[page+size-n : page+size : page+size]
	}
	return m[page : page+n : page+n]
}

// takeDownFences frees all that fenced gave.
func takeDownFences() {
	for _, m := range mapped {
		if err := unix.Munmap(m); err != nil {
			panic(err)
		}
	}
	mapped = mapped[:0]
}
