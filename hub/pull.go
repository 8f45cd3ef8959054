package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"dragoman/internal/hint"
)

// PullOptions say what a pull brings and where to.
type PullOptions struct {
	Revision string   // a branch, a tag or a commit; "" is main
	Include  []string // patterns of the files to bring; none: those that dragoman reads
	Exclude  []string // patterns of files to leave out
	LocalDir string   // "" for the cache
	Workers  int      // files at a time; 0 is 4
	// Progress, where it is set, is told how far the pull is, by one goroutine at
	// a time.
	Progress func(Progress)
}

// Progress is how far a pull is.
type Progress struct {
	Commit           string
	File             string // that something happened to
	Files, FilesDone int
	Bytes, BytesDone int64 // of the files whose sizes are known
}

// Pulled is what a pull brought.
type Pulled struct {
	Name     string   `json:"model"`
	Revision string   `json:"revision"`
	Commit   string   `json:"commit"`
	Path     string   `json:"path"` // the folder with the files
	Files    []string `json:"files"`
	Bytes    int64    `json:"bytes"` // of all of them, as they lie there
	// Unreachable is why the hub was not asked although it should have been: what
	// the cache has was found instead.
	Unreachable error `json:"-"`
}

// Pull brings a model's files into the cache, or into a folder, and returns that
// folder. What is there already is not fetched again. It may be ended at any
// time, by its context or by a lack of room, and called again to go on.
func (h *Hub) Pull(ctx context.Context, name string, o PullOptions) (Pulled, error) {
	p, err := h.pull(ctx, name, o)
	if err != nil {
		return p, fmt.Errorf("pull %w", err)
	}
	return p, nil
}

func (h *Hub) pull(ctx context.Context, name string, o PullOptions) (Pulled, error) {
	p := Pulled{Name: name, Revision: cmp.Or(o.Revision, "main")}
	if !IsName(name) {
		return p, hint.Wrap(fmt.Errorf("%q: not the name of a model on a hub", name), "names look like Salesforce/blip2-opt-2.7b")
	}
	if err := checkRevision(p.Revision); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	if h.Offline {
		return h.fromDisk(p, o, hint.Wrap(fmt.Errorf("%s: %w", name, ErrNotCached), "without --offline and HF_HUB_OFFLINE it would be fetched"))
	}
	l, err := h.list(ctx, name, p.Revision)
	if err != nil {
		if ctx.Err() == nil && unreachable(err) {
			if found, diskErr := h.fromDisk(p, o, err); diskErr == nil {
				found.Unreachable = err
				return found, nil
			}
		}
		return p, err
	}
	p.Commit = l.commit
	names := make([]string, len(l.entries))
	for i, e := range l.entries {
		names[i] = e.path
	}
	if p.Files, err = selection(name, names, o.Include, o.Exclude); err != nil {
		return p, err
	}
	to, err := h.target(name, l.commit, o)
	if err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	p.Path = to.dir()
	job := newJob(h, name, l, p.Files, to, o)
	if err := job.room(); err != nil {
		return p, err
	}
	if err := job.run(ctx, cmp.Or(o.Workers, 4)); err != nil {
		return p, err
	}
	for _, f := range p.Files {
		if info, err := os.Stat(filepath.Join(p.Path, filepath.FromSlash(f))); err == nil {
			p.Bytes += info.Size()
		}
	}
	if err := to.finish(l, p.Revision, len(p.Files) == len(l.entries)); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// target is where the files go.
func (h *Hub) target(name, commit string, o PullOptions) (target, error) {
	cached := &cacheTarget{h, name, commit}
	if o.LocalDir == "" {
		err := os.MkdirAll(cached.dir(), 0o777)
		tag(h.Cache)
		return cached, err
	}
	dir, err := filepath.Abs(o.LocalDir)
	if err != nil {
		return nil, err
	}
	return &dirTarget{hub: h, path: dir, commit: commit, cached: cached}, os.MkdirAll(dir, 0o777)
}

// fromDisk finds, without the hub, what an earlier pull brought; otherwise is
// the error where there is nothing.
func (h *Hub) fromDisk(p Pulled, o PullOptions, otherwise error) (Pulled, error) {
	r := h.repo(p.Name)
	p.Commit = r.commit(p.Revision)
	notes := r.dir
	p.Path = r.snapshot(p.Commit)
	if o.LocalDir != "" {
		p.Path = o.LocalDir
		notes = filepath.Join(o.LocalDir, ".cache", "huggingface")
	}
	found, err := os.ReadDir(p.Path)
	if err != nil || len(found) == 0 || p.Commit == "" && o.LocalDir == "" {
		return p, otherwise
	}
	if listed, ok := readTree(notes, p.Commit); ok {
		if err := missing(p.Name, p.Path, listed, o.Include, o.Exclude); err != nil {
			return p, err
		}
	}
	var names []string
	err = filepath.WalkDir(p.Path, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if rel, _ := filepath.Rel(p.Path, path); d.IsDir() && rel == ".cache" {
			return filepath.SkipDir
		} else if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("%s: %w", p.Name, err)
	}
	if p.Files, err = selection(p.Name, names, o.Include, o.Exclude); err != nil {
		return p, otherwise
	}
	for _, f := range p.Files {
		if info, err := os.Stat(filepath.Join(p.Path, filepath.FromSlash(f))); err == nil {
			p.Bytes += info.Size()
		}
	}
	return p, nil
}

// job is the files of one pull.
type job struct {
	hub    *Hub
	name   string
	commit string
	to     target
	want   []entry // that are not there yet
	told   func(Progress)

	mu    sync.Mutex
	state Progress
}

func newJob(h *Hub, name string, l listing, files []string, to target, o PullOptions) *job {
	j := &job{hub: h, name: name, commit: l.commit, to: to, told: o.Progress}
	j.state = Progress{Commit: l.commit, Files: len(files)}
	chosen := make(map[string]bool, len(files))
	for _, f := range files {
		chosen[f] = true
	}
	for _, e := range l.entries {
		if !chosen[e.path] {
			continue
		}
		j.state.Bytes += max(0, e.size)
		if to.has(e) {
			j.state.FilesDone++
			j.state.BytesDone += max(0, e.size)
			continue
		}
		j.want = append(j.want, e)
	}
	// The largest first: they decide how long it takes.
	slices.SortStableFunc(j.want, func(a, b entry) int { return cmp.Compare(b.size, a.size) })
	return j
}

// room refuses a pull that cannot end well.
func (j *job) room() error {
	var need int64
	for _, e := range j.want {
		need += max(0, e.size-j.to.partial(e))
	}
	free, ok := freeSpace(existing(j.to.dir()))
	if !ok || need <= free {
		return nil
	}
	return hint.Wrap(failf(kindNoSpace, "%s: %.1f MB are to come, %s has room for %.1f", j.name, float64(need)/1e6, existing(j.to.dir()), float64(free)/1e6),
		"make room, or set HF_HOME to a larger disk")
}

// existing is the nearest folder above path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

// run fetches the files, some at a time. The first failure ends the others.
func (j *job) run(parent context.Context, workers int) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	j.tell("", 0, false)
	files := make(chan entry)
	var wg sync.WaitGroup
	for range min(workers, len(j.want)) {
		wg.Go(func() {
			for e := range files {
				if ctx.Err() != nil {
					continue
				}
				if err := j.one(ctx, e); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, e := range j.want {
		files <- e
	}
	close(files)
	wg.Wait()
	if parent.Err() != nil {
		return fmt.Errorf("%s: %w", j.name, context.Cause(parent))
	}
	return context.Cause(ctx)
}

// one fetches a file.
func (j *job) one(ctx context.Context, e entry) error {
	about := subject{name: j.name, file: e.path}
	r, err := j.hub.metadata(ctx, about, j.commit, e)
	if isNotFound(err) {
		if t, ok := j.to.(*cacheTarget); ok {
			err = cmp.Or(t.repo().noExist(j.commit, e.path), err)
		}
	}
	if err != nil {
		return err
	}
	if e.size < 0 && r.size > 0 {
		j.mu.Lock()
		j.state.Bytes += r.size
		j.mu.Unlock()
	}
	e.size = r.size
	err = j.to.put(ctx, e, r, func(n int64) { j.tell(e.path, n, false) })
	if err != nil {
		return j.blame(e, err)
	}
	j.tell(e.path, 0, true)
	return nil
}

// blame names the file in an error of the file system.
func (j *job) blame(e entry, err error) error {
	var path *os.PathError
	var link *os.LinkError
	if errors.As(err, &path) || errors.As(err, &link) {
		return (&localError{err}).explain(subject{name: j.name, file: e.path})
	}
	return err
}

// tell adds to what is known of the progress and passes it on.
func (j *job) tell(file string, bytes int64, done bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.File = file
	j.state.BytesDone += bytes
	if done {
		j.state.FilesDone++
	}
	if j.told != nil {
		j.told(j.state)
	}
}
