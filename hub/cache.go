package hub

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dragoman/internal/atomicfile"
	"dragoman/internal/hint"
	"dragoman/internal/readfile"
)

// repo is a model's folder in the cache.
type repo struct{ dir string }

func (h *Hub) repo(name string) repo { return repo{filepath.Join(h.Cache, folder(name))} }

func (r repo) blob(etag string) string { return filepath.Join(r.dir, "blobs", etag) }

func (r repo) snapshot(commit string) string { return filepath.Join(r.dir, "snapshots", commit) }

func (r repo) ref(revision string) string {
	return filepath.Join(r.dir, "refs", filepath.FromSlash(revision))
}

// maxNote is the largest file that the cache keeps about others, but for listings.
const maxNote = 1 << 12

// commit is what a revision stood for when it was last fetched; "" where that is
// not known.
func (r repo) commit(revision string) string {
	if commitName.MatchString(revision) {
		return revision
	}
	raw, err := readfile.Regular(r.ref(revision), maxNote)
	if err != nil {
		return ""
	}
	commit := strings.TrimSpace(string(raw))
	if !component.MatchString(commit) {
		return ""
	}
	return commit
}

// setRef remembers what a revision stands for.
func (r repo) setRef(revision, commit string) error {
	if revision == commit || r.commit(revision) == commit {
		return nil
	}
	path := r.ref(revision)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, []byte(commit))
}

// noExist remembers that a commit has no such file.
func (r repo) noExist(commit, file string) error {
	path := filepath.Join(r.dir, ".no_exist", commit, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o666)
}

// Find is the folder of a model in the cache, without asking the network.
// Revision "" is main. The error wraps [ErrNotCached] where it is not there.
func (h *Hub) Find(name, revision string) (dir string, err error) {
	revision = cmp.Or(revision, "main")
	if !IsName(name) {
		return "", fmt.Errorf("%q: not the name of a model on a hub", name)
	}
	if err := checkRevision(revision); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	r := h.repo(name)
	if commit := r.commit(revision); commit != "" {
		dir = r.snapshot(commit)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	if revision != "main" {
		return "", fmt.Errorf("%s: revision %q: %w", name, revision, ErrNotCached)
	}
	return "", fmt.Errorf("%s: %w", name, ErrNotCached)
}

// Lookup finds a model, called NAME or NAME@REVISION, in the cache that the
// environment describes. Where it is not there the error's hint says how to get
// it.
func Lookup(called string) (dir string, err error) {
	h, err := FromEnvironment()
	if err != nil {
		return "", err
	}
	name, revision := SplitRevision(called)
	dir, err = h.Find(name, revision)
	if errors.Is(err, ErrNotCached) {
		pull := "dragoman pull " + name
		if revision != "" {
			pull += " --revision " + revision
		}
		err = hint.Wrap(err, "%s", pull)
	}
	return dir, err
}

// Cached is a model in the cache.
type Cached struct {
	Name      string     `json:"model"`
	Path      string     `json:"path"`
	Bytes     int64      `json:"bytes"` // on the disk, partial files included
	Files     int        `json:"files"` // of all snapshots, each of their bytes once
	Partial   int        `json:"partial,omitempty"`
	Revisions []Revision `json:"revisions"`
	Modified  time.Time  `json:"modified"`
}

// Revision is a snapshot of a cached model.
type Revision struct {
	Commit string   `json:"commit"`
	Refs   []string `json:"refs"` // branches and tags that stand for it
	Path   string   `json:"path"`
}

// List lists the models in the cache by name.
func (h *Hub) List() ([]Cached, error) {
	folders, err := os.ReadDir(h.Cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the cache: %w", err)
	}
	var models []Cached
	for _, f := range folders {
		name := modelOf(f.Name())
		if name == "" || !f.IsDir() {
			continue
		}
		c, err := h.repo(name).survey(name)
		if err != nil {
			return nil, fmt.Errorf("listing the cache: %w", err)
		}
		models = append(models, c)
	}
	slices.SortFunc(models, func(a, b Cached) int { return strings.Compare(a.Name, b.Name) })
	return models, nil
}

// survey counts what a model's folder holds.
func (r repo) survey(name string) (Cached, error) {
	c := Cached{Name: name, Path: r.dir, Revisions: []Revision{}}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.ModTime().After(c.Modified) {
			c.Modified = info.ModTime()
		}
		rel, _ := filepath.Rel(r.dir, path)
		kept := filepath.ToSlash(rel)
		isBlob, inSnapshot := strings.HasPrefix(kept, "blobs/"), strings.HasPrefix(kept, "snapshots/")
		switch {
		case isBlob && strings.HasSuffix(kept, ".incomplete"):
			c.Partial++
		case isBlob, inSnapshot && info.Mode().IsRegular():
			c.Files++
			if info.Mode()&fs.ModeSymlink != 0 { // huggingface_hub's store of blobs that several models share
				if info, err = os.Stat(path); err != nil {
					return nil // the store has lost it
				}
			}
		}
		if info.Mode().IsRegular() {
			c.Bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	refs := map[string][]string{}
	_ = filepath.WalkDir(filepath.Join(r.dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // no refs: only commits were fetched
		}
		ref, _ := filepath.Rel(filepath.Join(r.dir, "refs"), path)
		ref = filepath.ToSlash(ref)
		commit := r.commit(ref)
		refs[commit] = append(refs[commit], ref)
		return nil
	})
	snapshots, err := os.ReadDir(filepath.Join(r.dir, "snapshots"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	for _, s := range snapshots {
		if s.IsDir() {
			c.Revisions = append(c.Revisions, Revision{Commit: s.Name(), Refs: append([]string{}, refs[s.Name()]...), Path: r.snapshot(s.Name())})
		}
	}
	return c, nil
}

// Remove deletes a model from the cache, all its revisions, and returns what was
// there.
func (h *Hub) Remove(name string) (Cached, error) {
	if !IsName(name) {
		return Cached{}, fmt.Errorf("removing a model: %q: not the name of a model on a hub", name)
	}
	r := h.repo(name)
	if info, err := os.Lstat(r.dir); err != nil || !info.IsDir() {
		return Cached{}, fmt.Errorf("removing a model: %s: %w", name, ErrNotCached)
	}
	c, err := r.survey(name)
	if err != nil {
		return c, fmt.Errorf("removing a model: %w", err)
	}
	// The links go first: a removal that is cut short leaves no snapshot that
	// looks whole.
	for _, dir := range []string{filepath.Join(r.dir, "refs"), filepath.Join(r.dir, "snapshots"), r.dir, filepath.Join(h.Cache, ".locks", folder(name))} {
		if err := os.RemoveAll(dir); err != nil {
			return c, fmt.Errorf("removing a model: %w", err)
		}
	}
	return c, nil
}

// cacheTag marks a folder that backups may leave out.
const cacheTag = `Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by dragoman.
# For information about cache directory tags, see:
#	https://bford.info/cachedir/
`

// tag marks a folder, where it can; nothing depends on it.
func tag(dir string) {
	file, err := os.OpenFile(filepath.Join(dir, "CACHEDIR.TAG"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return
	}
	_, _ = file.WriteString(cacheTag)
	file.Close()
}
