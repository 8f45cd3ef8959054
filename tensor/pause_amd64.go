package tensor

// pause tells the processor n times that this is a waiting loop.
//
//go:noescape
func pause(n int)
