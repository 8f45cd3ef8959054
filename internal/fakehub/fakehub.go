// Package fakehub is a hub on the loopback interface for tests: one model at one commit, large files behind a redirect to a second
// host, as the Hugging Face Hub serves them, and a hook for everything that can go wrong on the way.
package fakehub

import (
	"crypto/sha1" //nolint:gosec // git names blobs by it
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The model that every hub has. It is there as main, as the tag v1, by its commit and by the first digits of that.
const (
	Model  = "org/model"
	Commit = "0123456789abcdef0123456789abcdef01234567"
)

// Hub is a hub with one model.
type Hub struct {
	URL string // of the hub
	CDN string // of the host with the large files

	Token string            // that is asked for; "" for none
	Files map[string]string // by name; *.safetensors and *.bin are large files
	// NoTree has the hub list names only, as mirrors do.
	NoTree bool
	// Misbehave is asked first about each request, and says whether it has answered.
	Misbehave func(w http.ResponseWriter, r *http.Request) bool

	tb     testing.TB
	server *httptest.Server
	mu     sync.Mutex
	seen   []string // METHOD path [range]
	auth   map[string]string
}

// New starts a hub, which ends with the test.
func New(tb testing.TB, files map[string]string) *Hub {
	h := &Hub{Files: files, tb: tb, auth: map[string]string{}}
	cdn := httptest.NewServer(http.HandlerFunc(h.serveCDN))
	h.server = httptest.NewServer(http.HandlerFunc(h.serve))
	h.URL, h.CDN = h.server.URL, cdn.URL
	tb.Cleanup(cdn.Close)
	tb.Cleanup(h.server.Close)
	return h
}

// Close takes the hub off the network.
func (h *Hub) Close() { h.server.Close() }

// Large says whether a file is stored apart, and named by its SHA-256.
func Large(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".bin")
}

// ETag is what names a file's bytes.
func (h *Hub) ETag(name string) string {
	if Large(name) {
		return fmt.Sprintf("%x", sha256.Sum256([]byte(h.Files[name])))
	}
	return blobHash(h.Files[name])
}

func blobHash(data string) string {
	d := sha1.New() //nolint:gosec // as above
	fmt.Fprintf(d, "blob %d\x00%s", len(data), data)
	return hex.EncodeToString(d.Sum(nil))
}

// Requests counts those so far that begin with "METHOD /path RANGE", or a part of it.
func (h *Hub) Requests(prefix string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, line := range h.seen {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// Authorization is what the last request to a host, by its URL, had in that header.
func (h *Hub) Authorization(url string) (value string, asked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	value, asked = h.auth[strings.TrimPrefix(url, "http://")]
	return value, asked
}

// Refuse answers with a status and the Hub's code for it.
func Refuse(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.WriteHeader(status)
}

func (h *Hub) note(r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := r.Method + " " + r.URL.Path
	if rng := r.Header.Get("Range"); rng != "" {
		line += " " + rng
	}
	h.seen = append(h.seen, line)
	h.auth[r.Host] = r.Header.Get("Authorization")
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	h.note(r)
	if h.Misbehave != nil && h.Misbehave(w, r) {
		return
	}
	if h.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.Token {
		Refuse(w, http.StatusUnauthorized, "GatedRepo")
		return
	}
	const api, resolve = "/api/models/" + Model, "/" + Model + "/resolve/"
	switch path := r.URL.Path; {
	case path == api, path == api+"/revision/main", path == api+"/revision/v1", path == api+"/revision/"+Commit[:7], path == api+"/revision/"+Commit:
		siblings := []map[string]string{}
		for _, name := range h.names() {
			siblings = append(siblings, map[string]string{"rfilename": name})
		}
		h.answer(w, map[string]any{"sha": Commit, "siblings": siblings})
	case strings.HasPrefix(path, api+"/revision/"):
		Refuse(w, http.StatusNotFound, "RevisionNotFound")
	case path == api+"/tree/"+Commit && !h.NoTree:
		h.tree(w, r)
	case strings.HasPrefix(path, resolve):
		commit, name, _ := strings.Cut(strings.TrimPrefix(path, resolve), "/")
		h.resolve(w, r, commit, name)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// resolve serves a small file, and sends on for a large one.
func (h *Hub) resolve(w http.ResponseWriter, r *http.Request, commit, name string) {
	w.Header().Set("X-Repo-Commit", Commit)
	data, ok := h.Files[name]
	if !ok || commit != Commit {
		Refuse(w, http.StatusNotFound, "EntryNotFound")
		return
	}
	if Large(name) {
		w.Header().Set("X-Linked-Etag", `"`+h.ETag(name)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
		w.Header().Set("ETag", `"of-the-redirect"`)
		http.Redirect(w, r, h.CDN+"/"+name, http.StatusFound)
		return
	}
	w.Header().Set("ETag", `W/"`+h.ETag(name)+`"`)
	http.ServeContent(w, r, name, time.Time{}, strings.NewReader(data))
}

// tree lists the files, two a page.
func (h *Hub) tree(w http.ResponseWriter, r *http.Request) {
	names := h.names()
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	page := []map[string]any{{"type": "directory", "path": "folder", "oid": "1", "size": 0}}
	for _, name := range names[from:min(from+2, len(names))] {
		data := h.Files[name]
		item := map[string]any{"type": "file", "path": name, "size": len(data), "oid": blobHash(data)}
		if Large(name) {
			item["lfs"] = map[string]any{"oid": h.ETag(name), "size": len(data), "pointerSize": 130}
		}
		page = append(page, item)
	}
	if from+2 < len(names) {
		w.Header().Set("Link", fmt.Sprintf(`<%s?recursive=true&cursor=%d>; rel="next"`, r.URL.Path, from+2))
	}
	h.answer(w, page)
}

func (h *Hub) names() []string {
	var names []string
	for name := range h.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (h *Hub) answer(w http.ResponseWriter, value any) {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		h.tb.Error(err)
	}
}

func (h *Hub) serveCDN(w http.ResponseWriter, r *http.Request) {
	h.note(r)
	if h.Misbehave != nil && h.Misbehave(w, r) {
		return
	}
	data, ok := h.Files[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(data))
}
