//go:build !unix

package atomicfile

// syncDir does nothing where a directory cannot be opened for syncing
// (Windows commits a rename with the file system's own journal).
func syncDir(string) error { return nil }
