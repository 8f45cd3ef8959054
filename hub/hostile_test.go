package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dragoman/internal/hint"
)

// onWeights misbehaves at requests for the bytes of the large file only.
func onWeights(f func(w http.ResponseWriter, r *http.Request, nth int) bool) func(http.ResponseWriter, *http.Request) bool {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodGet && r.URL.Path == "/model.safetensors" && f(w, r, int(n.Add(1)))
	}
}

// drop sends a part of the large file, from where it is asked to, and hangs up.
func drop(w http.ResponseWriter, r *http.Request, bytes int) bool {
	from := 0
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(bigWeights)-1, len(bigWeights)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(bigWeights)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	_, _ = w.Write([]byte(bigWeights[from:min(from+bytes, len(bigWeights))]))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func weightsPulled(t *testing.T, h *Hub) {
	t.Helper()
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if read(t, filepath.Join(p.Path, "model.safetensors")) != bigWeights {
		t.Error("other bytes came")
	}
	if left, _ := filepath.Glob(filepath.Join(h.Cache, "models--org--model", "blobs", "*.incomplete")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDropped hangs up again and again; each time the pull goes on from where it
// was.
func TestDropped(t *testing.T) {
	f, h := newFake(t, usual())
	f.Misbehave = onWeights(func(w http.ResponseWriter, r *http.Request, nth int) bool { return nth <= 12 && drop(w, r, 20_000) })
	weightsPulled(t, h)
	if n := f.Requests("GET /model.safetensors bytes="); n != 12 {
		t.Errorf("%d requests for a rest", n)
	}
}

// TestDroppedForGood gives up when nothing comes any more, and a later call goes
// on.
func TestDroppedForGood(t *testing.T) {
	f, h := newFake(t, usual())
	f.Misbehave = onWeights(func(w http.ResponseWriter, r *http.Request, nth int) bool {
		return drop(w, r, max(0, 100_000*(2-nth))) // 100,000 bytes, then none
	})
	_, err := h.Pull(t.Context(), fakeModel, PullOptions{})
	if err == nil || !strings.Contains(err.Error(), "org/model: model.safetensors: broken off after 100000 bytes") {
		t.Fatalf("error %v", err)
	}
	if _, err := h.Find(fakeModel, ""); !errors.Is(err, ErrNotCached) {
		t.Errorf("half a model was found: %v", err)
	}
	f.Misbehave = nil
	weightsPulled(t, h)
	if f.Requests("GET /model.safetensors bytes=100000-") == 0 {
		t.Error("it began anew")
	}
}

// TestPartialOfOtherBytes finds the beginning of something else under the name:
// it begins anew.
func TestPartialOfOtherBytes(t *testing.T) {
	for _, size := range []int{1000, len(bigWeights), len(bigWeights) + 1} {
		f, h := newFake(t, usual())
		blobs := filepath.Join(h.Cache, "models--org--model", "blobs")
		if err := os.MkdirAll(blobs, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(blobs, f.ETag("model.safetensors")+".incomplete"), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		weightsPulled(t, h)
	}
}

// TestRangesIgnored has a hub that always sends the whole file, one that starts
// elsewhere than it was asked to, and one that knows no such range.
func TestRangesIgnored(t *testing.T) {
	for what, answer := range map[string]func(w http.ResponseWriter){
		"the whole": func(w http.ResponseWriter) { _, _ = w.Write([]byte(bigWeights)) },
		"elsewhere": func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(bigWeights)-1, len(bigWeights)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte(bigWeights[5:]))
		},
		"none": func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
	} {
		f, h := newFake(t, usual())
		f.Misbehave = onWeights(func(w http.ResponseWriter, r *http.Request, nth int) bool {
			if nth == 1 {
				return drop(w, r, 50_000)
			}
			if r.Header.Get("Range") == "" {
				return false
			}
			answer(w)
			return true
		})
		t.Log(what)
		weightsPulled(t, h)
	}
}

// TestLies serves other bytes than the hash says, as many, fewer and more: none
// of them stay, and the next call does not build on them.
func TestLies(t *testing.T) {
	for what, lie := range map[string]string{
		"other": strings.ToUpper(bigWeights), "more": bigWeights + "!", "fewer": bigWeights[:1000],
	} {
		f, h := newFake(t, usual())
		f.Misbehave = onWeights(func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			_, _ = w.Write([]byte(lie))
			return true
		})
		_, err := h.Pull(t.Context(), fakeModel, PullOptions{})
		if err == nil || !strings.Contains(err.Error(), "org/model: model.safetensors: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", what, err)
		}
		if what != "fewer" {
			if !strings.Contains(err.Error(), "do not have the hash") {
				t.Errorf("%s: error %v", what, err)
			}
			if _, err := os.Stat(filepath.Join(h.Cache, "models--org--model", "blobs", f.ETag("model.safetensors")+".incomplete")); err == nil {
				t.Errorf("%s: its bytes were kept", what)
			}
		}
		if _, err := h.Find(fakeModel, ""); err == nil {
			t.Errorf("%s: the model was found", what)
		}
		f.Misbehave = nil
		weightsPulled(t, h)
	}
	f, h := newFake(t, usual()) // a small file, whose hash is git's
	f.Misbehave = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/config.json") {
			return false
		}
		_, _ = w.Write([]byte(`{"a":2}`))
		return true
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{}); err == nil || !strings.Contains(err.Error(), "config.json: the bytes that came do not have the hash") {
		t.Errorf("error %v", err)
	}
}

// TestTroubled fails a few times in each way that may pass.
func TestTroubled(t *testing.T) {
	for what, trouble := range map[string]func(w http.ResponseWriter){
		"429": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"500":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"503":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hanging up": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"silence":    func(http.ResponseWriter) { time.Sleep(700 * time.Millisecond) },
	} {
		f, h := newFake(t, usual())
		if what == "silence" {
			h.Timeout = 500 * time.Millisecond
		}
		var n atomic.Int32
		f.Misbehave = func(w http.ResponseWriter, _ *http.Request) bool {
			if n.Add(1)%3 == 0 {
				trouble(w)
				return true
			}
			return false
		}
		t.Log(what)
		weightsPulled(t, h)
	}
}

// TestRetryAfter waits as long as it is asked to.
func TestRetryAfter(t *testing.T) {
	f, h := newFake(t, usual())
	asked := false
	f.Misbehave = func(w http.ResponseWriter, _ *http.Request) bool {
		if asked {
			return false
		}
		asked = true
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	began := time.Now()
	weightsPulled(t, h)
	if took := time.Since(began); took < time.Second {
		t.Errorf("came back after %s", took)
	}
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "soon": 0, "-1": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		resp := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {header}}}
		if got := retryAfter(resp); got != want {
			t.Errorf("Retry-After: %s is %s, want %s", header, got, want)
		}
	}
	limited := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Ratelimit": {`"api";r=0;t=55`}}}
	if got := retryAfter(limited); got != 56*time.Second {
		t.Errorf("RateLimit: %s", got)
	}
	f.Misbehave = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "100000")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	if _, err := h.Pull(t.Context(), "org/other", PullOptions{}); err == nil || !strings.Contains(err.Error(), "come back in 24h") {
		t.Errorf("a day's pause: %v", err)
	}
}

// TestSlow serves a few bytes at a time, for longer than a hub may be silent.
func TestSlow(t *testing.T) {
	f, h := newFake(t, usual())
	h.Timeout = time.Second
	f.Misbehave = onWeights(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Header.Get("Range") != "" {
			t.Error("a slow answer was given up")
		}
		for from := 0; from < len(bigWeights); from += 16_000 {
			time.Sleep(75 * time.Millisecond) // 1.5 s in all, 1 s of silence is allowed
			_, _ = w.Write([]byte(bigWeights[from:min(from+16_000, len(bigWeights))]))
			w.(http.Flusher).Flush()
		}
		return true
	})
	weightsPulled(t, h)
}

// TestCancelled ends a pull in the middle; the next one goes on.
func TestCancelled(t *testing.T) {
	f, h := newFake(t, usual())
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by the user")
	f.Misbehave = onWeights(func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if nth > 1 {
			return false
		}
		_, _ = w.Write([]byte(bigWeights[:150_000]))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	_, err := h.Pull(ctx, fakeModel, PullOptions{Progress: func(p Progress) {
		if p.BytesDone > 150_000 {
			cancel(stopped)
		}
	}})
	if !errors.Is(err, stopped) {
		t.Fatalf("error %v", err)
	}
	weightsPulled(t, h)
	if f.Requests("GET /model.safetensors bytes=150000-") != 1 {
		t.Error("it did not go on")
	}
}

// TestNames has a hub that lists files which would lie elsewhere.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"../config.json", "a/../../config.json", "/etc/config.json", `..\config.json`, `C:\config.json`, "C:config.json", "a//config.json",
		"./config.json", "a/./config.json", "config.json\x00",
	} {
		f, h := newFake(t, map[string]string{name: "{}", "config.json": "{}"})
		_, err := h.Pull(t.Context(), fakeModel, PullOptions{})
		if err == nil || !strings.Contains(err.Error(), "leads outside") {
			t.Errorf("%q: %v", name, err)
		}
		if f.Requests("GET /"+fakeModel) > 0 {
			t.Errorf("%q: something was fetched", name)
		}
	}
	_, h := newFake(t, usual())
	for _, name := range []string{"", "a/b/c", "../x", "a--b", ".a", "a.", "a/b.git", "a b", "a/..b", "a/b\n"} {
		if _, err := h.Pull(t.Context(), name, PullOptions{}); err == nil || !strings.Contains(err.Error(), "not the name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestTogether pulls the same model from several goroutines, as several
// processes would: each byte comes once.
func TestTogether(t *testing.T) {
	f, h := newFake(t, usual())
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := h.Pull(t.Context(), fakeModel, PullOptions{})
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := f.Requests("GET /model.safetensors"); n != 1 {
		t.Errorf("the weights were fetched %d times", n)
	}
}

// TestFullDisk says what a full disk means for what has come.
func TestFullDisk(t *testing.T) {
	err := (&localError{&os.PathError{Op: "write", Path: "x.incomplete", Err: syscall.ENOSPC}}).explain(subject{name: fakeModel, file: "a"})
	if !strings.Contains(hint.Of(err), "kept") || !strings.Contains(err.Error(), "org/model: a: writing: no space left") {
		t.Errorf("%v; %s", err, hint.Of(err))
	}
}

// TestNoRoom has a file that no disk has room for: said before anything is fetched.
func TestNoRoom(t *testing.T) {
	if _, ok := freeSpace(t.TempDir()); !ok {
		t.Skip("this system does not say how much room there is")
	}
	f, h := newFake(t, usual())
	f.Misbehave = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/tree/") {
			return false
		}
		_, _ = fmt.Fprintf(w, `[{"type":"file","path":"model.safetensors","oid":"1","size":130,"lfs":{"oid":"%064d","size":%d}}]`, 1, int64(1)<<60)
		return true
	}
	_, err := h.Pull(t.Context(), fakeModel, PullOptions{})
	if err == nil || !strings.Contains(err.Error(), "MB are to come") || hint.Of(err) == "" || f.Requests("HEAD") > 0 {
		t.Errorf("error %v", err)
	}
}
