package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"dragoman/internal/atomicfile"
)

// target is where the files of a pull go: the cache, or a folder of the user's.
type target interface {
	// has says whether a file is there already, as this commit has it.
	has(e entry) bool
	// put brings a file there.
	put(ctx context.Context, e entry, r remote, came func(int64)) error
	// partial is how many bytes of a file have come before.
	partial(e entry) int64
	// finish remembers the commit; whole says that all its files are there.
	finish(l listing, revision string, whole bool) error
	// dir is the folder with the files.
	dir() string
}

// cacheTarget puts files into the cache.
type cacheTarget struct {
	hub    *Hub
	name   string
	commit string
}

func (t *cacheTarget) repo() repo  { return t.hub.repo(t.name) }
func (t *cacheTarget) dir() string { return t.repo().snapshot(t.commit) }

func (t *cacheTarget) pointer(e entry) string {
	return filepath.Join(t.dir(), filepath.FromSlash(e.path))
}

func (t *cacheTarget) has(e entry) bool { return isFile(t.pointer(e), e.size) }

// isFile says whether there is a file of that size (−1: any), links followed.
func isFile(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (size < 0 || info.Size() == size)
}

func (t *cacheTarget) partial(e entry) int64 {
	if etag := e.etag(); component.MatchString(etag) {
		if info, err := os.Stat(t.repo().blob(etag) + ".incomplete"); err == nil {
			return info.Size()
		}
	}
	return 0
}

func (t *cacheTarget) put(ctx context.Context, e entry, r remote, came func(int64)) error {
	blob, pointer := t.repo().blob(r.etag), t.pointer(e)
	for _, dir := range []string{filepath.Dir(blob), filepath.Dir(pointer)} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	release, err := lock(ctx, filepath.Join(t.hub.Cache, ".locks", folder(t.name), r.etag+".lock"))
	if err != nil {
		return err
	}
	defer release()
	fresh := !isFile(blob, r.size)
	if fresh {
		if err := t.hub.fetch(ctx, r, blob+".incomplete", came); err != nil {
			return err
		}
		if err := os.Rename(blob+".incomplete", blob); err != nil {
			return err
		}
	} else {
		came(max(0, r.size))
	}
	return t.hub.link(blob, pointer, fresh)
}

// link makes a snapshot's file stand for a blob: a relative link, so that the
// cache may be moved. Where links cannot be made the file itself stands there;
// a fresh blob is moved, one that others may stand for is copied.
func (h *Hub) link(blob, pointer string, fresh bool) error {
	if err := os.Remove(pointer); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !h.NoLinks {
		to, err := filepath.Rel(filepath.Dir(pointer), blob)
		if err != nil {
			return err
		}
		if err := os.Symlink(to, pointer); err == nil {
			return nil
		}
	}
	if fresh {
		return os.Rename(blob, pointer)
	}
	return copyFile(blob, pointer)
}

// copyFile copies a file; it is there whole or not at all.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return atomicfile.WriteFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, source)
		return err
	})
}

func (t *cacheTarget) finish(l listing, revision string, whole bool) error {
	if whole {
		if err := l.writeTree(t.repo().dir); err != nil {
			return err
		}
	}
	return t.repo().setRef(revision, l.commit)
}

// missing is which of the files that are wanted a snapshot lacks, as far as the
// cache knows what there should be.
func missing(name, dir string, listed, include, exclude []string) error {
	wanted, err := selection(name, listed, include, exclude)
	if err != nil {
		return err
	}
	var lost []string
	for _, f := range wanted {
		if !isFile(filepath.Join(dir, filepath.FromSlash(f)), -1) {
			lost = append(lost, f)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%s: %w: %s", name, ErrNotCached, some(lost))
	}
	return nil
}
