package hub

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/internal/fakehub"
	"dragoman/internal/hint"
)

// TestRefused tells apart what a hub may say no to.
func TestRefused(t *testing.T) {
	answer := func(status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { fakehub.Refuse(w, status, code); return true }
	}
	for _, c := range []struct {
		what, name, revision, token string
		answer                      func(http.ResponseWriter, *http.Request) bool
		want, hint, kind            string
	}{
		{"no token", fakeModel, "", "", answer(401, "GatedRepo"), "gated", "HF_TOKEN", "permission_denied"},
		{"not on the list", fakeModel, "", "t", answer(403, "GatedRepo"), "gated", "accept the terms at http", "permission_denied"},
		{"hidden", fakeModel, "", "", answer(401, ""), "there is no such model, or it is private", "HF_TOKEN", "permission_denied"},
		{"forbidden", fakeModel, "", "t", answer(403, ""), "refuses access", "HF_TOKEN", "permission_denied"},
		{"no model", "org/none", "", "", answer(404, "RepoNotFound"), "org/none: there is no such model", "check the name", "not_found"},
		{"no model, plainly", "org/none", "", "", nil, "org/none: there is no such model", "check the name", "not_found"},
		{"no revision", fakeModel, "v9", "", nil, `there is no revision "v9"`, "branches", "not_found"},
		{"no revision, plainly", fakeModel, "v9", "", func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/v9") {
				w.WriteHeader(404)
			}
			return strings.HasSuffix(r.URL.Path, "/v9")
		}, `there is no revision "v9"`, "", "not_found"},
		{"no file", fakeModel, "", "", func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/config.json") {
				w.WriteHeader(404)
			}
			return strings.HasSuffix(r.URL.Path, "/config.json")
		}, "org/model: config.json: there is no such file", "", "not_found"},
		{"failing", fakeModel, "", "", answer(500, ""), "the hub fails (500", "", "unavailable"},
		{"crowded", fakeModel, "", "", answer(429, ""), "too many requests", "", "rate_limited"},
		{"no hub", fakeModel, "", "", func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("<html>"))
			return true
		}, "is http://127.0.0.1", "", "unavailable"},
		{"no commit", fakeModel, "", "", func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"sha":"../../x"}`))
			return true
		}, "names no commit", "", "unavailable"},
		{"round and round", fakeModel, "", "", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}, "redirects", "", "unavailable"},
	} {
		f, h := newFake(t, usual())
		h.Token = c.token
		f.Misbehave = c.answer
		_, err := h.Pull(t.Context(), c.name, PullOptions{Revision: c.revision})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "pull "+c.name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
			continue
		}
		if got := hint.Of(err); !strings.Contains(got, c.hint) {
			t.Errorf("%s: hint %q, want one with %q", c.what, got, c.hint)
		}
		var typed interface{ ErrorType() string }
		if !errors.As(err, &typed) || typed.ErrorType() != c.kind {
			t.Errorf("%s: not of type %s: %v", c.what, c.kind, err)
		}
	}
}

// TestRememberedAbsence keeps, as Python does, that there is no such file.
func TestRememberedAbsence(t *testing.T) {
	f, h := newFake(t, usual())
	f.Misbehave = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/vocab.txt") {
			fakehub.Refuse(w, 404, "EntryNotFound")
			return true
		}
		return false
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{}); err == nil {
		t.Fatal("a file was pulled that is not there")
	}
	found, _ := filepath.Glob(filepath.Join(h.Cache, "models--org--model", ".no_exist", fakeCommit, "*"))
	nested, _ := filepath.Glob(filepath.Join(h.Cache, "models--org--model", ".no_exist", fakeCommit, "*", "*"))
	if len(found)+len(nested) == 0 {
		t.Error("nothing was remembered")
	}
}

// TestUnreachable finds in the cache what it cannot ask for, and says why.
func TestUnreachable(t *testing.T) {
	f, h := newFake(t, usual())
	weightsPulled(t, h)
	f.Close()
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{})
	if err != nil || p.Unreachable == nil || p.Commit != fakeCommit || len(p.Files) != 5 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := h.Pull(t.Context(), "org/other", PullOptions{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
	h.Offline = true
	if p, err := h.Pull(t.Context(), fakeModel, PullOptions{}); err != nil || p.Unreachable != nil {
		t.Errorf("offline: %+v, %v", p, err)
	}
	_, err = h.Pull(t.Context(), "org/other", PullOptions{})
	if !errors.Is(err, ErrNotCached) || hint.Of(err) == "" {
		t.Errorf("offline, not cached: %v", err)
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{Revision: "v1"}); !errors.Is(err, ErrNotCached) {
		t.Errorf("offline, another revision: %v", err)
	}
}

// TestIncompleteOffline does not call a snapshot whole that its listing says is
// not, as huggingface_hub does.
func TestIncompleteOffline(t *testing.T) {
	_, h := newFake(t, usual())
	p, err := h.Pull(t.Context(), fakeModel, PullOptions{Include: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.Path, "vocab.txt")); err != nil {
		t.Fatal(err)
	}
	h.Offline = true
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{}); err == nil || !strings.Contains(err.Error(), "vocab.txt") {
		t.Errorf("error %v", err)
	}
	if _, err := h.Pull(t.Context(), fakeModel, PullOptions{Include: []string{"*.json"}}); err != nil {
		t.Errorf("what is there: %v", err)
	}
}

// TestAnswersOfAnotherKind has what is no hub answer: its JSON is called wrong in JSON's words.
func TestAnswersOfAnotherKind(t *testing.T) {
	for _, answer := range []string{`{"sha":3}`, `[]`, `"x"`, `null`, `{`, ``, `<html>`} {
		f, h := newFake(t, usual())
		f.Misbehave = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/api/") {
				_, _ = w.Write([]byte(answer))
			}
			return strings.HasPrefix(r.URL.Path, "/api/")
		}
		_, err := h.Pull(t.Context(), fakeModel, PullOptions{})
		if err == nil || strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
