package hub

import (
	"context"
	"crypto/sha1" //nolint:gosec // only makes a name short
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dragoman/internal/atomicfile"
	"dragoman/internal/readfile"
)

// dirTarget puts files into a folder of the user's, under their own names. What
// is known of them stands in .cache/huggingface there, as huggingface_hub keeps
// it: download/FILE.metadata has the commit, the ETag and when that was true.
type dirTarget struct {
	hub    *Hub
	path   string
	commit string
	cached target // where the same commit's files may lie already
}

func (t *dirTarget) dir() string { return t.path }

func (t *dirTarget) file(e entry) string { return filepath.Join(t.path, filepath.FromSlash(e.path)) }

func (t *dirTarget) notes() string { return filepath.Join(t.path, ".cache", "huggingface") }

func (t *dirTarget) metadata(e entry) string {
	return filepath.Join(t.notes(), "download", filepath.FromSlash(e.path)+".metadata")
}

// incomplete is where a file's bytes come in: a short name, as paths have limits.
func (t *dirTarget) incomplete(e entry, etag string) string {
	m := t.metadata(e)
	short := sha1.Sum([]byte(filepath.Base(m))) //nolint:gosec // as above
	return filepath.Join(filepath.Dir(m), base64.URLEncoding.EncodeToString(short[:])+"."+etag+".incomplete")
}

func (t *dirTarget) partial(e entry) int64 {
	if etag := e.etag(); component.MatchString(etag) {
		if info, err := os.Stat(t.incomplete(e, etag)); err == nil {
			return info.Size()
		}
	}
	return 0
}

// noted is what the notes say of a file that has not changed since.
func (t *dirTarget) noted(e entry) (commit, etag string) {
	raw, err := readfile.Regular(t.metadata(e), maxNote)
	if err != nil {
		return "", ""
	}
	lines := strings.Split(string(raw), "\n")
	info, err := os.Stat(t.file(e))
	if err != nil || len(lines) < 3 {
		return "", ""
	}
	when, err := strconv.ParseFloat(strings.TrimSpace(lines[2]), 64)
	if err != nil || float64(info.ModTime().UnixNano())/1e9-1 > when {
		return "", ""
	}
	return strings.TrimSpace(lines[0]), strings.TrimSpace(lines[1])
}

func (t *dirTarget) note(e entry, etag string) error {
	path := t.metadata(e)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, fmt.Appendf(nil, "%s\n%s\n%.6f\n", t.commit, etag, float64(time.Now().UnixNano())/1e9))
}

func (t *dirTarget) has(e entry) bool {
	commit, _ := t.noted(e)
	return commit == t.commit && isFile(t.file(e), e.size)
}

func (t *dirTarget) put(ctx context.Context, e entry, r remote, came func(int64)) error {
	file := t.file(e)
	for _, dir := range []string{filepath.Dir(file), filepath.Dir(t.metadata(e))} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	release, err := lock(ctx, strings.TrimSuffix(t.metadata(e), ".metadata")+".lock")
	if err != nil {
		return err
	}
	defer release()
	switch there, err := t.upToDate(e, r); {
	case err != nil:
		return err
	case there:
		came(max(0, r.size))
		return t.note(e, r.etag)
	}
	if t.cached.has(e) {
		if err := copyFile(filepath.Join(t.cached.dir(), filepath.FromSlash(e.path)), file); err != nil {
			return err
		}
		came(max(0, r.size))
		return t.note(e, r.etag)
	}
	part := t.incomplete(e, r.etag)
	if err := t.hub.fetch(ctx, r, part, came); err != nil {
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	return t.note(e, r.etag)
}

// upToDate says whether the file that is there has the right bytes.
func (t *dirTarget) upToDate(e entry, r remote) (bool, error) {
	if !isFile(t.file(e), r.size) {
		return false, nil
	}
	if _, etag := t.noted(e); etag == r.etag {
		return true, nil
	}
	if !verifiable(r.etag) {
		return false, nil
	}
	return fileHas(t.file(e), r.etag)
}

func (t *dirTarget) finish(l listing, _ string, whole bool) error {
	if err := os.MkdirAll(t.notes(), 0o777); err != nil {
		return err
	}
	tag(t.notes())
	ignore := filepath.Join(t.notes(), ".gitignore")
	if _, err := os.Stat(ignore); os.IsNotExist(err) {
		if err := os.WriteFile(ignore, []byte("*"), 0o666); err != nil {
			return err
		}
	}
	if whole {
		return l.writeTree(t.notes())
	}
	return nil
}
