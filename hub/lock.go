package hub

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"dragoman/internal/filelock"
)

// lock holds a lock file until release is called, as huggingface_hub does while
// it fetches a blob; it waits for other processes. Where the file system knows
// no locks it goes on without: hashes and renames keep the cache right then.
func lock(ctx context.Context, path string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o664)
		if err != nil {
			return nil, err
		}
		held, err := filelock.Try(file)
		if err != nil {
			file.Close()
			return func() {}, nil
		}
		if held && current(file, path) {
			return func() { file.Close() }, nil
		}
		file.Close()
		if held {
			continue // another process removed the file meanwhile
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// current says whether an open file is still the one of that name.
func current(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(mine, named)
}
