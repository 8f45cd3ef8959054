package hub

import (
	"errors"
	"fmt"
	"net/http"

	"dragoman/internal/hint"
	"dragoman/internal/networds"
)

// ErrNotCached is wrapped where a model, or a file of it, is not in the cache
// and the network is not to be asked.
var ErrNotCached error = &networds.Failure{Kind: networds.NotFound, Err: errors.New("not in the Hugging Face cache")}

// The kinds of failures that are a hub's alone.
const (
	kindMismatch networds.Kind = "hash_mismatch"
	kindNoSpace  networds.Kind = "no_space"
)

func failf(k networds.Kind, format string, args ...any) error {
	return &networds.Failure{Kind: k, Err: fmt.Errorf(format, args...)}
}

// unreachable says whether a hub could not be asked, as opposed to having said
// no: then what is in the cache will do.
func unreachable(err error) bool {
	var f *networds.Failure
	return errors.As(err, &f) && (f.Kind == networds.Unavailable || f.Kind == networds.RateLimited)
}

// subject is what a request is about, for errors: a model, at a revision, or a
// file of it.
type subject struct{ name, revision, file string }

// statusError is what a status that is no success means.
func (h *Hub) statusError(about subject, resp *http.Response) error {
	code := resp.Header.Get("X-Error-Code")
	status := resp.StatusCode
	page := h.Endpoint + "/" + about.name
	gated := code == "GatedRepo"
	switch {
	case gated && h.Token == "":
		return hint.Wrap(failf(networds.Refused, "%s: gated: the hub wants to know who asks (%d)", about.name, status),
			"accept the terms at %s, then set HF_TOKEN to a token of that account", page)
	case gated:
		return hint.Wrap(failf(networds.Refused, "%s: gated: HF_TOKEN's account has no access (%d)", about.name, status),
			"accept the terms at %s with the account of HF_TOKEN", page)
	case code == "RevisionNotFound":
		return hint.Wrap(failf(networds.NotFound, "%s: there is no revision %q (%d)", about.name, about.revision, status),
			"%s/tree/main lists the branches and tags", page)
	case code == "EntryNotFound":
		return failf(networds.NotFound, "%s: %s: there is no such file at this revision (%d)", about.name, about.file, status)
	case code == "RepoNotFound", status == http.StatusUnauthorized:
		why := "there is no such model, or it is private"
		if resp.Header.Get("X-Error-Message") == "Invalid credentials in Authorization header" {
			why = "the hub does not accept the token"
		}
		advice := "check the name; for a private or gated model set HF_TOKEN to a token that may read it"
		if h.Token != "" {
			advice = "check the name, and that HF_TOKEN (or the file of `hf auth login`) is a valid token that may read it"
		}
		return hint.Wrap(failf(kindNotFoundOrRefused(status), "%s: %s (%d)", about.name, why, status), "%s", advice)
	case status == http.StatusForbidden:
		return hint.Wrap(failf(networds.Refused, "%s: the hub refuses access (%d)", about.describe(), status),
			"set HF_TOKEN to a token that may read it; where the model is gated, accept its terms at %s", page)
	case status == http.StatusNotFound && about.file != "":
		return failf(networds.NotFound, "%s: %s: there is no such file at this revision (%d)", about.name, about.file, status)
	case status == http.StatusNotFound:
		return hint.Wrap(failf(networds.NotFound, "%s: there is no such model (%d)", about.name, status), "check the name at %s", page)
	case status == http.StatusTooManyRequests:
		return failf(networds.RateLimited, "%s: the hub says that there were too many requests (%d)", about.describe(), status)
	case status >= 500 || status == http.StatusRequestTimeout:
		return failf(networds.Unavailable, "%s: the hub fails (%d %s)", about.describe(), status, http.StatusText(status))
	}
	return failf(networds.Unavailable, "%s: an unexpected answer: %d %s", about.describe(), status, http.StatusText(status))
}

// kindNotFoundOrRefused is the kind of an answer with which hubs hide what is
// private.
func kindNotFoundOrRefused(status int) networds.Kind {
	if status == http.StatusNotFound {
		return networds.NotFound
	}
	return networds.Refused
}

func (s subject) describe() string {
	if s.file != "" {
		return s.name + ": " + s.file
	}
	return s.name
}
