package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dragoman/internal/fakehub"
)

const (
	fakeModel  = fakehub.Model
	fakeCommit = fakehub.Commit
)

// newFake is a hub and what pulls from it into a cache of its own.
func newFake(t *testing.T, files map[string]string) (*fakehub.Hub, *Hub) {
	f := fakehub.New(t, files)
	return f, &Hub{Cache: t.TempDir(), Endpoint: f.URL, Timeout: 10 * time.Second, retryBase: time.Millisecond}
}

// bigWeights is enough that an answer does not fit into one write.
var bigWeights = strings.Repeat("0123456789abcdef", 20_000)

func usual() map[string]string {
	return map[string]string{
		"config.json": `{"a":1}`, "model.safetensors": bigWeights, "pytorch_model.bin": "pickled", "README.md": "read me",
		"tf_model.h5": "h5", "flax_model.msgpack": "flax", "onnx/model.onnx": "onnx", "tokenizer.json": "{}", "vocab.txt": "",
		"qformer_tokenizer/vocab.txt": "words",
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestPull(t *testing.T) {
	f, h := newFake(t, usual())
	f.Token, h.Token = "secret", "secret"
	var last Progress
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{Progress: func(p Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"config.json", "model.safetensors", "qformer_tokenizer/vocab.txt", "tokenizer.json", "vocab.txt"}
	if slices.Sort(p.Files); !slices.Equal(p.Files, want) {
		t.Errorf("pulled %v, want %v", p.Files, want)
	}
	var found []string
	err = filepath.WalkDir(p.Path, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(p.Path, path)
			found = append(found, filepath.ToSlash(rel))
			if got := read(t, path); got != usual()[filepath.ToSlash(rel)] {
				t.Errorf("%s has other bytes", rel)
			}
			link, err := os.Readlink(path)
			if err != nil || filepath.IsAbs(link) || !strings.Contains(link, "blobs/"+f.ETag(filepath.ToSlash(rel))) {
				t.Errorf("%s is no relative link to its blob: %q, %v", rel, link, err)
			}
		}
		return err
	})
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, %v", found, err)
	}
	if got := filepath.Join(h.Cache, "models--org--model", "snapshots", fakeCommit); p.Path != got {
		t.Errorf("path %s, want %s", p.Path, got)
	}
	if got := read(t, filepath.Join(h.Cache, "models--org--model", "refs", "main")); got != fakeCommit {
		t.Errorf("refs/main holds %q", got)
	}
	if !strings.HasPrefix(read(t, filepath.Join(h.Cache, "CACHEDIR.TAG")), "Signature: 8a477f597d28d172789f06886806bc55") {
		t.Error("no CACHEDIR.TAG")
	}
	if last.FilesDone != 5 || last.Files != 5 || last.BytesDone != last.Bytes || last.Bytes != p.Bytes {
		t.Errorf("progress ended at %+v of %d bytes", last, p.Bytes)
	}
	// The token goes to the hub, and to no other host: not even to another port.
	if got, _ := f.Authorization(f.URL); got != "Bearer secret" {
		t.Errorf("the hub got the token as %q", got)
	}
	if got, asked := f.Authorization(f.CDN); got != "" || !asked {
		t.Errorf("another host got %q (asked: %v)", got, asked)
	}

	// A second pull fetches nothing, and is found without a network.
	before := f.Requests("")
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	if asked := f.Requests("") - before; asked > 6 || f.Requests("GET /model.safetensors") != 1 {
		t.Errorf("a second pull asked %d times", asked)
	}
	dir, err := h.Find(fakeModel, "")
	if err != nil || dir != p.Path {
		t.Errorf("found %s, %v", dir, err)
	}
}

func TestPullEverything(t *testing.T) {
	f, h := newFake(t, usual())
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{Include: []string{"*"}, Exclude: []string{"*.h5", "onnx/"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Files) != len(f.Files)-2 || slices.Contains(p.Files, "onnx/model.onnx") || slices.Contains(p.Files, "tf_model.h5") {
		t.Errorf("pulled %v", p.Files)
	}
	tree := filepath.Join(h.Cache, "models--org--model", "trees", fakeCommit+".json")
	if _, err := os.Stat(tree); err == nil {
		t.Error("a listing stands beside a part of a snapshot, which Python then calls incomplete")
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{Include: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	var kept treeFile
	if err := json.Unmarshal([]byte(read(t, tree)), &kept); err != nil || kept.Version != 1 || len(kept.Files) != len(f.Files) {
		t.Errorf("trees/COMMIT.json: %+v, %v", kept, err)
	}
	if e := kept.Files["model.safetensors"]; e.SHA256 != f.ETag("model.safetensors") || *e.LFSSize != int64(len(bigWeights)) {
		t.Errorf("its large file: %+v", e)
	}
	_, err = h.Pull(t.Context(), fakeModel, PullOptions{Include: []string{"*.nothing"}})
	if err == nil || !strings.Contains(err.Error(), "no file fits") {
		t.Errorf("nothing to pull: %v", err)
	}
}

// TestRevisions asks for a tag, a short commit, as the hub knows it, a whole
// commit, and what is not there.
func TestRevisions(t *testing.T) {
	f, h := newFake(t, usual())
	for _, revision := range []string{"v1", "0123456", fakeCommit} {
		p, err := h.Pull(t.Context(), fakeModel, PullOptions{Revision: revision})
		if err != nil || p.Commit != fakeCommit {
			t.Fatalf("%s: %+v, %v", revision, p, err)
		}
		if dir, err := h.Find(fakeModel, revision); err != nil || dir != p.Path {
			t.Errorf("%s: found %s, %v", revision, dir, err)
		}
	}
	if _, err := os.Stat(filepath.Join(h.Cache, "models--org--model", "refs", fakeCommit)); err == nil {
		t.Error("a commit got a ref")
	}
	if _, err := h.Find(fakeModel, ""); err == nil {
		t.Error("main was found, which nobody pulled")
	}
	for _, revision := range []string{"../x", "/etc", "a b", "x..\\y", "-\x00"} {
		before := f.Requests("")
		if _, err := h.Pull(t.Context(), fakeModel, PullOptions{Revision: revision}); err == nil || f.Requests("") != before {
			t.Errorf("revision %q: %v", revision, err)
		}
	}
}

// TestDeduplicated has two files with the same bytes: fetched once, linked twice.
func TestDeduplicated(t *testing.T) {
	f, h := newFake(t, map[string]string{"a.safetensors": bigWeights, "b.safetensors": bigWeights})
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Requests("GET /a.") + f.Requests("GET /b."); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	for _, name := range p.Files {
		if read(t, filepath.Join(p.Path, name)) != bigWeights {
			t.Errorf("%s has other bytes", name)
		}
	}
}

// TestWithoutLinks has the files themselves in the snapshot.
func TestWithoutLinks(t *testing.T) {
	_, h := newFake(t, map[string]string{"a.safetensors": bigWeights, "b.safetensors": bigWeights, "config.json": "{}"})
	h.NoLinks = true
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range p.Files {
		info, err := os.Lstat(filepath.Join(p.Path, name))
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if p.Bytes != int64(2*len(bigWeights)+2) {
		t.Errorf("%d bytes", p.Bytes)
	}
}

// TestMirrorWithoutTrees is served by a hub that lists names only.
func TestMirrorWithoutTrees(t *testing.T) {
	f, h := newFake(t, usual())
	f.NoTree = true
	for _, revision := range []string{"", fakeCommit} {
		p, err := h.Pull(t.Context(), fakeModel, PullOptions{Revision: revision})
		if err != nil || len(p.Files) != 5 || p.Bytes < int64(len(bigWeights)) {
			t.Errorf("%q: %+v, %v", revision, p, err)
		}
	}
}

func TestLocalDir(t *testing.T) {
	f, h := newFake(t, usual())
	dir := filepath.Join(t.TempDir(), "here")
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{LocalDir: dir})
	if err != nil || p.Path != dir {
		t.Fatalf("%+v, %v", p, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "model.safetensors")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("not a file: %v, %v", info, err)
	}
	notes := strings.Split(read(t, filepath.Join(dir, ".cache/huggingface/download/qformer_tokenizer/vocab.txt.metadata")), "\n")
	if len(notes) < 3 || notes[0] != fakeCommit || notes[1] != f.ETag("qformer_tokenizer/vocab.txt") {
		t.Errorf("metadata %q", notes)
	}
	if entries, err := os.ReadDir(h.Cache); err == nil && len(entries) > 0 {
		t.Errorf("the cache was written to: %v", entries)
	}

	// What is up to date stays, what was changed is fetched again, what the cache
	// has is copied.
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"a":2}`), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "config.json"), later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{LocalDir: dir}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "config.json")); got != `{"a":1}` {
		t.Errorf("config.json is %s", got)
	}
	if n := f.Requests("GET /model.safetensors"); n != 1 {
		t.Errorf("the weights were fetched %d times", n)
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	before := f.Requests("GET /model.safetensors")
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{LocalDir: other}); err != nil {
		t.Fatal(err)
	}
	if read(t, filepath.Join(other, "model.safetensors")) != bigWeights || f.Requests("GET /model.safetensors") != before {
		t.Error("what the cache has was not copied")
	}
}

func TestListAndRemove(t *testing.T) {
	_, h := newFake(t, usual())
	if models, err := h.List(); err != nil || len(models) != 0 {
		t.Errorf("an empty cache: %v, %v", models, err)
	}
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(h.Cache, "datasets--org--data", "snapshots"), 0o755); err != nil {
		t.Fatal(err)
	}
	models, err := h.List()
	if err != nil || len(models) != 1 {
		t.Fatalf("%v, %v", models, err)
	}
	m := models[0]
	if m.Name != fakeModel || m.Files != 5 || m.Bytes < p.Bytes || m.Bytes > p.Bytes+1000 || len(m.Revisions) != 1 || !slices.Equal(m.Revisions[0].Refs, []string{"main"}) {
		t.Errorf("%+v", m)
	}
	if _, err := h.Remove(fakeModel); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(h.Cache, ".locks")); err != nil || len(left) > 0 {
		t.Errorf("locks left: %v, %v", left, err)
	}
	if _, err := h.Remove(fakeModel); err == nil {
		t.Error("removed twice")
	}
	for _, name := range []string{"..", "../..", "a/../b", ""} {
		if _, err := h.Remove(name); err == nil {
			t.Errorf("removed %q", name)
		}
	}
}
