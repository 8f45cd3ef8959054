package picture

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dragoman/internal/networds"
)

// TestFetch reads from a server on loopback that does what servers do.
func TestFetch(t *testing.T) {
	var file bytes.Buffer
	if err := noiseImage(4, 3, 1).WritePNG(&file); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/a.png", func(w http.ResponseWriter, _ *http.Request) { w.Write(file.Bytes()) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a.png", http.StatusFound) })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/hostname", http.StatusFound)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		w.Write(make([]byte, 5000))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			w.Write(make([]byte, 100))
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write(make([]byte, 50))
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	server := httptest.NewServer(mux)
	defer server.Close()

	fetch := Fetcher{MaxBytes: 1000, Timeout: time.Second / 2}.Fetch(context.Background())
	for path, want := range map[string]string{
		"/a.png": "", "/moved": "", "/round": "more than 5 redirects", "/elsewhere": "unsupported protocol scheme",
		"/large": "more than the 1000", "/endless": "larger than 1000", "/cut": "unexpected EOF", "/slow": "within 500ms",
		"/none": "the server answers 404 Not Found", "/%zz": "invalid URL escape",
	} {
		data, err := fetch(server.URL + path)
		switch {
		case want == "" && (err != nil || !bytes.Equal(data, file.Bytes())):
			t.Errorf("%s: %d bytes, %v", path, len(data), err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), server.URL)):
			t.Errorf("%s: error %v, want one with %q and without the address", path, err, want)
		}
	}
	if _, err := fetch(server.URL + "/large"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}

	// What scripts tell failures apart by: whether another try may help.
	for path, want := range map[string]string{"/slow": "unavailable", "/cut": "unavailable", "/none": "not_found", "/busy": "unavailable", "/round": "", "/endless": ""} {
		_, err := fetch(server.URL + path)
		if got := kindOf(err); got != want {
			t.Errorf("%s: %v is %q, not %q", path, err, got, want)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := fetch(gone.URL + "/a.png"); kindOf(err) != "unavailable" {
		t.Errorf("of a server that is gone: %v", err)
	}

	source := Source{Fetch: fetch}
	for item := range source.Expand([]string{server.URL + "/a.png"}) {
		data, err := item.Read()
		if err != nil || !bytes.Equal(data, file.Bytes()) {
			t.Errorf("%s: %d bytes, %v", item.Name, len(data), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Fetcher{}).Fetch(ctx)(server.URL + "/a.png"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func kindOf(err error) string {
	var kind interface{ ErrorType() string }
	if errors.As(err, &kind) {
		return kind.ErrorType()
	}
	return ""
}

// TestStatusKind: what an answer is to scripts.
func TestStatusKind(t *testing.T) {
	for status, want := range map[int]networds.Kind{404: "not_found", 410: "not_found", 401: "permission_denied", 403: "permission_denied", 429: "rate_limited", 418: "invalid_input", 500: "unavailable", 503: "unavailable"} {
		if got := statusKind(status); got != want {
			t.Errorf("%d is %q, not %q", status, got, want)
		}
	}
}
