package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dragoman/internal/networds"
	"dragoman/internal/plainjson"
)

const (
	maxTries     = 6
	maxDials     = 3 // where there is not even a connection
	maxRedirects = 20
	maxPause     = 8 * time.Second
	maxAsked     = 5 * time.Minute // the longest pause that a hub may ask for
	maxJSON      = 64 << 20
)

// ownClient sends the requests of hubs that have no client of their own.
var ownClient = sync.OnceValue(func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
})

// request is one question to a hub.
type request struct {
	method string
	url    string
	header map[string]string
	about  subject
	// stay makes a redirect to another host the answer: what is said about a
	// file stands in it, and the other host knows nothing of the hub's headers.
	stay bool
	// accept are the statuses besides 200 that are no failure.
	accept []int
}

// send asks, follows redirects, and tries again after what may pass: a broken
// connection, silence, 408, 429 and 5xx. The caller closes the body.
func (h *Hub) send(ctx context.Context, r request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, pause, err := h.once(ctx, r)
		if err == nil || pause < 0 || try == maxTries || try == maxDials && isDial(err) || ctx.Err() != nil {
			return resp, err
		}
		if err := h.pause(ctx, try, pause); err != nil {
			return nil, err
		}
	}
}

// pause waits before try number try+1, as long as was asked for or, doubling, as
// the tries go.
func (h *Hub) pause(ctx context.Context, try int, asked time.Duration) error {
	wait := asked
	if wait == 0 {
		base := h.retryBase
		if base == 0 {
			base = 500 * time.Millisecond
		}
		wait = min(maxPause, base<<(try-1))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// once is one try. A pause below zero means that another is of no use, zero that
// the caller may choose.
func (h *Hub) once(ctx context.Context, r request) (*http.Response, time.Duration, error) {
	at := r.url
	for range maxRedirects {
		resp, err := h.exchange(ctx, r, at)
		if err != nil {
			if ctx.Err() != nil {
				return nil, -1, context.Cause(ctx)
			}
			return nil, 0, failf(networds.Unavailable, "%s: %w", r.about.describe(), plain(err))
		}
		switch s := resp.StatusCode; {
		case s == http.StatusOK, slices.Contains(r.accept, s):
			return resp, 0, nil
		case s >= 300 && s < 400 && s != http.StatusNotModified:
			to, err := resp.Location()
			if err != nil {
				resp.Body.Close()
				return nil, -1, failf(networds.Unavailable, "%s: a redirect to nowhere", r.about.describe())
			}
			if r.stay && !h.sameOrHub(at, to.String()) {
				return resp, 0, nil
			}
			resp.Body.Close()
			at = to.String()
			continue
		}
		err = h.statusError(r.about, resp)
		pause := retryAfter(resp)
		resp.Body.Close()
		if pause > maxAsked {
			return nil, -1, fmt.Errorf("%w: it asks to come back in %s", err, pause)
		}
		return nil, pause, err
	}
	return nil, -1, failf(networds.Unavailable, "%s: more than %d redirects", r.about.describe(), maxRedirects)
}

// exchange sends one request and ends it when the hub falls silent.
func (h *Hub) exchange(ctx context.Context, r request, at string) (*http.Response, error) {
	ctx, watch := h.watch(ctx)
	req, err := http.NewRequestWithContext(ctx, r.method, at, nil)
	if err != nil {
		watch.stop()
		return nil, err
	}
	req.Header.Set("User-Agent", "dragoman")
	// The bytes are hashed and counted as they are stored.
	req.Header.Set("Accept-Encoding", "identity")
	for key, value := range r.header {
		req.Header.Set(key, value)
	}
	if h.Token != "" && h.sameOrHub(h.Endpoint, at) {
		req.Header.Set("Authorization", "Bearer "+h.Token)
	}
	client := h.Client
	if client == nil {
		client = ownClient()
	}
	resp, err := client.Do(req)
	if err != nil {
		watch.stop()
		return nil, watch.reason(err)
	}
	resp.Body = &watchedBody{resp.Body, watch}
	return resp, nil
}

// isDial says whether no connection could be made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// plain takes the method and the address off an error of net/http: the message
// says what was asked for already.
func plain(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the hub hung up")
	}
	return networds.Plain(err)
}

// sameOrHub says whether target is on the same origin as base, or on one that
// the token may be sent to.
func (h *Hub) sameOrHub(base, target string) bool {
	o := origin(target)
	if o == "" {
		return false
	}
	if o == origin(base) || o == origin(h.Endpoint) {
		return true
	}
	for _, t := range trusted {
		if o == origin(t) {
			return true
		}
	}
	return false
}

// origin is scheme, host and port.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// rateLimit is the header that says when a limit is lifted: "api";r=0;t=55.
var rateLimit = regexp.MustCompile(`;\s*r=0;\s*t=(\d+)`)

// retryAfter is how long to wait before the next try: what the answer asks for,
// zero where it asks for nothing, below zero where no try will help.
func retryAfter(resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return -1
	}
	if m := rateLimit.FindStringSubmatch(resp.Header.Get("RateLimit")); m != nil && resp.StatusCode == http.StatusTooManyRequests {
		if seconds, err := strconv.Atoi(m[1]); err == nil {
			return time.Duration(seconds+1) * time.Second
		}
	}
	asked := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(asked); err == nil && seconds >= 0 {
		return min(time.Duration(seconds)*time.Second, 24*time.Hour)
	}
	if when, err := http.ParseTime(asked); err == nil {
		return max(0, time.Until(when))
	}
	return 0
}

// getJSON asks for a JSON value and returns the address of the next page, "" if
// there is none.
func (h *Hub) getJSON(ctx context.Context, at string, about subject, into any) (next string, err error) {
	for try := 1; ; try++ {
		resp, err := h.send(ctx, request{method: http.MethodGet, url: at, about: about})
		if err != nil {
			return "", err
		}
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxJSON+1))
		resp.Body.Close()
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err != nil && try < maxTries { // the connection broke
			if err := h.pause(ctx, try, 0); err != nil {
				return "", err
			}
			continue
		}
		if err != nil {
			return "", failf(networds.Unavailable, "%s: %w", about.describe(), err)
		}
		if len(raw) > maxJSON {
			return "", failf(networds.Unavailable, "%s: the hub's answer is longer than %d bytes", about.describe(), maxJSON)
		}
		if err := plainjson.Unmarshal(raw, into); err != nil {
			return "", failf(networds.Unavailable, "%s: the hub's answer: %w: is %s a hub?", about.describe(), err, h.Endpoint)
		}
		return nextPage(resp, at), nil
	}
}

// nextPage is the address under rel="next" of an answer's Link header.
func nextPage(resp *http.Response, at string) string {
	for _, link := range strings.Split(resp.Header.Get("Link"), ",") {
		address, rel, ok := strings.Cut(strings.TrimSpace(link), ">")
		if !ok || !strings.HasPrefix(address, "<") || !strings.Contains(rel, `rel="next"`) {
			continue
		}
		base, err := url.Parse(at)
		if err != nil {
			return ""
		}
		next, err := base.Parse(address[1:])
		if err != nil {
			return ""
		}
		return next.String()
	}
	return ""
}
