package weights

import (
	"os"

	"golang.org/x/sys/unix"
)

// sequential tells the system that a file will be read from front to back, so that it reads further ahead.
func sequential(file *os.File) {
	// Advice that is not taken costs nothing but time.
	_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
}
