package atomicfile

import (
	"os"
	"sync"
)

// pending are the paths that go if the process ends now.
var pending = struct {
	sync.Mutex
	paths map[string]bool
}{paths: map[string]bool{}}

// Track has [Abandon] remove a path, with what is below it, until the function
// it returns is called.
func Track(path string) (forget func()) {
	pending.Lock()
	defer pending.Unlock()
	pending.paths[path] = true
	return func() {
		pending.Lock()
		defer pending.Unlock()
		delete(pending.paths, path)
	}
}

// Abandon removes what is being written, for a process that exits at once,
// without waiting for those who write. They may go on until it does: a file
// that is not there is not renamed.
func Abandon() {
	pending.Lock() // and keeps it: nothing new begins
	for path := range pending.paths {
		_ = os.RemoveAll(path)
	}
}
