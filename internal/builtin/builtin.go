// Package builtin is where a package that carries files inside the program (dragoman/mini) leaves them for those who open
// models, so that neither imports the other. A file is called "mini:NAME".
package builtin

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

var (
	mu    sync.RWMutex
	files = map[string]func() ([]byte, error){}
)

// Add leaves a file; open is called each time that it is read, and what it returns is not written to.
func Add(name string, open func() ([]byte, error)) {
	mu.Lock()
	defer mu.Unlock()
	files[name] = open
}

// Is says whether a name is one of a built-in file, there or not.
func Is(name string) bool { return strings.HasPrefix(name, "mini:") }

// ReadFile gives a file's bytes; the error is fs.ErrNotExist where the program carries no such file.
func ReadFile(name string) ([]byte, error) {
	mu.RLock()
	open := files[name]
	mu.RUnlock()
	if open == nil {
		return nil, fmt.Errorf("%s is not built into this program: %w", name, fs.ErrNotExist)
	}
	return open()
}

// Names lists the files.
func Names() []string {
	mu.RLock()
	defer mu.RUnlock()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
