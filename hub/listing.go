package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/internal/atomicfile"
	"dragoman/internal/networds"
	"dragoman/internal/readfile"
)

// maxFiles bounds what a listing may hold.
const maxFiles = 200_000

// entry is a file of a model as the hub lists it. Size is -1 where it does not
// say.
type entry struct {
	path   string
	size   int64
	oid    string // git's hash of the blob; of the pointer for a large file
	sha256 string // of a large file
	xet    string
}

// etag is what names the file's bytes in the cache, as far as the listing knows.
func (e entry) etag() string { return cmp.Or(e.sha256, e.oid) }

// listing is a model at a commit.
type listing struct {
	commit  string
	entries []entry // in the order of their names
}

// list asks the hub for the commit of a revision and its files.
func (h *Hub) list(ctx context.Context, name, revision string) (listing, error) {
	about := subject{name: name, revision: revision}
	l := listing{commit: revision}
	var named []string
	var err error
	if !commitName.MatchString(revision) {
		if l.commit, named, err = h.resolve(ctx, about); err != nil {
			return l, err
		}
	}
	l.entries, err = h.tree(ctx, about, l.commit)
	if isNotFound(err) { // perhaps a mirror that knows no trees
		if named == nil {
			if _, named, err = h.resolve(ctx, about); err != nil {
				return l, err
			}
		}
		for _, n := range named {
			l.entries, err = append(l.entries, entry{path: n, size: -1}), nil
		}
	}
	if err != nil {
		return l, h.whichIsMissing(ctx, about, err)
	}
	for _, e := range l.entries {
		if err := checkFile(e.path); err != nil {
			return l, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	l.entries = slices.CompactFunc(l.entries, func(a, b entry) bool { return a.path == b.path })
	return l, nil
}

// resolve asks for the commit of a revision, and the names of its files.
func (h *Hub) resolve(ctx context.Context, about subject) (commit string, files []string, err error) {
	var info struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	if _, err := h.getJSON(ctx, h.Endpoint+"/api/models/"+about.name+"/revision/"+url.PathEscape(about.revision), about, &info); err != nil {
		return "", nil, h.whichIsMissing(ctx, about, err)
	}
	if !component.MatchString(info.SHA) {
		return "", nil, failf(networds.Unavailable, "%s: the hub names no commit for revision %q: is %s a hub?", about.name, about.revision, h.Endpoint)
	}
	files = []string{}
	for _, s := range info.Siblings {
		files = append(files, s.Name)
	}
	return info.SHA, files, nil
}

// isNotFound says whether the hub knows nothing of what was asked for.
func isNotFound(err error) bool {
	var f *networds.Failure
	return errors.As(err, &f) && f.Kind == networds.NotFound
}

// whichIsMissing tells, after a plain 404 for a revision, whether it is the
// model that is missing or only the revision.
func (h *Hub) whichIsMissing(ctx context.Context, about subject, err error) error {
	if !isNotFound(err) || about.revision == "main" {
		return err
	}
	resp, probe := h.send(ctx, request{method: http.MethodGet, url: h.Endpoint + "/api/models/" + about.name, about: about})
	if probe != nil {
		return err
	}
	resp.Body.Close()
	missing := &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{"X-Error-Code": {"RevisionNotFound"}}}
	return h.statusError(about, missing)
}

// tree asks for all files at a commit, page after page.
func (h *Hub) tree(ctx context.Context, about subject, commit string) ([]entry, error) {
	var entries []entry
	at := h.Endpoint + "/api/models/" + about.name + "/tree/" + url.PathEscape(commit) + "?recursive=true&expand=false"
	for at != "" {
		var page []struct {
			Type string `json:"type"`
			Path string `json:"path"`
			Size *int64 `json:"size"`
			OID  string `json:"oid"`
			Xet  string `json:"xetHash"`
			LFS  *struct {
				OID  string `json:"oid"`
				Size int64  `json:"size"`
			} `json:"lfs"`
		}
		next, err := h.getJSON(ctx, at, about, &page)
		if err != nil {
			return nil, err
		}
		for _, f := range page {
			if f.Type == "directory" {
				continue
			}
			e := entry{path: f.Path, size: -1, oid: f.OID, xet: f.Xet}
			if f.Size != nil {
				e.size = *f.Size
			}
			if f.LFS != nil {
				e.sha256, e.size = strings.TrimPrefix(f.LFS.OID, "sha256:"), f.LFS.Size
			}
			entries = append(entries, e)
		}
		if len(entries) > maxFiles || next == at {
			return nil, failf(networds.Unavailable, "%s: the hub lists more than %d files", about.name, maxFiles)
		}
		at = next
	}
	return entries, nil
}

// treeFile is trees/COMMIT.json.
type treeFile struct {
	Version int                  `json:"format_version"`
	Files   map[string]treeEntry `json:"files"`
}

type treeEntry struct {
	Size    int64  `json:"size"`
	BlobID  string `json:"blob_id"`
	SHA256  string `json:"lfs_sha256,omitempty"`
	LFSSize *int64 `json:"lfs_size,omitempty"`
	Xet     string `json:"xet_hash,omitempty"`
}

func treePath(dir, commit string) string { return filepath.Join(dir, "trees", commit+".json") }

// readTree is the names of a commit's files, where a listing of it was kept.
func readTree(dir, commit string) ([]string, bool) {
	raw, err := readfile.Regular(treePath(dir, commit), maxJSON)
	if err != nil {
		return nil, false
	}
	var t treeFile
	if json.Unmarshal(raw, &t) != nil || t.Version != 1 {
		return nil, false
	}
	names := make([]string, 0, len(t.Files))
	for name := range t.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, true
}

// writeTree keeps the listing of a snapshot that is whole. Where only a part was
// pulled it is not written: huggingface_hub takes a listing as the list of what
// must be there, and would call the snapshot incomplete.
func (l listing) writeTree(dir string) error {
	t := treeFile{Version: 1, Files: make(map[string]treeEntry, len(l.entries))}
	for _, e := range l.entries {
		if e.size < 0 || e.oid == "" {
			return nil // a mirror that does not say
		}
		te := treeEntry{Size: e.size, BlobID: e.oid, Xet: e.xet}
		if e.sha256 != "" {
			te.SHA256, te.LFSSize = e.sha256, &e.size
		}
		t.Files[e.path] = te
	}
	raw, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	path := treePath(dir, l.commit)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, raw)
}
