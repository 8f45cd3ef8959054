//go:build !amd64

package tensor

import "runtime"

// pause gives way to other goroutines.
func pause(int) { runtime.Gosched() }
