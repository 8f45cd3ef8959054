package hub

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"dragoman/internal/hint"
	"dragoman/internal/networds"
)

// remote is where a file's bytes are to be had and what they are.
type remote struct {
	about subject
	url   string
	etag  string // names the bytes, and is their hash where verifiable(etag)
	size  int64  // −1 where the hub does not say
}

// metadata asks the hub what a file's bytes are. The listing knows too, but a
// mirror may serve other ETags, by which Python then looks for the blobs.
func (h *Hub) metadata(ctx context.Context, about subject, commit string, e entry) (remote, error) {
	r := remote{about: about, etag: e.etag(), size: e.size, url: h.Endpoint + "/" + about.name + "/resolve/" + url.PathEscape(commit) + "/" + escapePath(e.path)}
	resp, err := h.send(ctx, request{
		method: http.MethodHead, url: r.url, about: about, stay: true, accept: []int{http.StatusMethodNotAllowed, http.StatusNotImplemented},
	})
	if err != nil {
		return r, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK || resp.StatusCode/100 == 3 {
		r.take(resp)
	}
	if !component.MatchString(r.etag) {
		return r, failf(networds.Unavailable, "%s: the hub names no hash of its bytes: is %s a hub?", about.describe(), h.Endpoint)
	}
	return r, nil
}

// take reads what a hub's headers say of a file. On a redirect to another host
// they speak of that host's file where their names begin with X-Linked.
func (r *remote) take(resp *http.Response) {
	etag := cleanETag(cmp.Or(resp.Header.Get("X-Linked-Etag"), resp.Header.Get("ETag")))
	if component.MatchString(etag) && (verifiable(etag) || !verifiable(r.etag)) {
		r.etag = etag
	}
	size := resp.Header.Get("X-Linked-Size")
	if size == "" && resp.StatusCode == http.StatusOK {
		size = resp.Header.Get("Content-Length")
	}
	if n, err := strconv.ParseInt(size, 10, 64); err == nil && n >= 0 {
		r.size = n
	}
}

// cleanETag takes the quotes off, and the W/ of a weak one.
func cleanETag(etag string) string { return strings.Trim(strings.TrimPrefix(etag, "W/"), `"`) }

func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// errStale is what a partial file is found to be whose bytes are not those that
// are wanted.
var errStale = errors.New("stale")

// fetch brings a file's bytes to path, going on from what is there, and checks
// them. Whatever ends it leaves what has come, except bytes with a wrong hash.
// came is told of bytes that have come (less than none: that they were no good).
func (h *Hub) fetch(ctx context.Context, r remote, path string, came func(int64)) error {
	for attempt := 1; ; attempt++ {
		resumed, err := h.fetchOnce(ctx, r, path, came)
		if !errors.Is(err, errStale) {
			return err
		}
		if info, statErr := os.Stat(path); statErr == nil {
			came(-info.Size())
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		if !resumed || attempt > 1 {
			return hint.Wrap(failf(kindMismatch, "%s: the bytes that came do not have the hash %s that the hub gives them", r.about.describe(), r.etag),
				"something between here and %s changes files; nothing was kept of this one", h.Endpoint)
		}
	}
}

// fetchOnce is fetch, but for the second try from the beginning when the
// beginning was no good; resumed says whether there was one.
func (h *Hub) fetchOnce(ctx context.Context, r remote, path string, came func(int64)) (resumed bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return false, err
	}
	defer file.Close()
	p := &partial{file: file, remote: r, came: came}
	if err := p.resume(); err != nil {
		return false, err
	}
	resumed = p.have > 0
	most := p.have
	for try := 1; !p.complete(); {
		again, err := h.more(ctx, p)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return resumed, context.Cause(ctx)
		case !again:
			return resumed, err
		}
		if p.have > most { // it broke, but not without having brought something: the tries begin anew
			most, try = p.have, 0
		}
		if try++; try > maxTries {
			return resumed, err
		}
		if err := h.pause(ctx, max(1, try-1), 0); err != nil {
			return resumed, err
		}
	}
	if err := p.check(); err != nil {
		return resumed, err
	}
	return resumed, cmp.Or(file.Sync(), file.Close())
}

// partial is a file that is being fetched.
type partial struct {
	remote
	file   *os.File
	have   int64
	ended  bool      // all has come, where the size was not known before
	digest hash.Hash // of what there is; nil where the size must be known first
	came   func(int64)
}

// resume takes what an earlier call left, and hashes it.
func (p *partial) resume() error {
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	if p.size >= 0 && info.Size() > p.size {
		return p.restart()
	}
	p.start()
	var to io.Writer = io.Discard
	if p.digest != nil {
		to = p.digest
	}
	if p.have, err = io.Copy(to, p.file); err != nil {
		return err
	}
	p.came(p.have)
	return nil
}

// start begins the digest.
func (p *partial) start() {
	p.digest = nil
	if verifiable(p.etag) && (p.size >= 0 || isSHA256.MatchString(p.etag)) {
		p.digest = newDigest(p.etag, p.size)
	}
}

// restart drops what there is.
func (p *partial) restart() error {
	p.came(-p.have)
	p.have = 0
	p.start()
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

func (p *partial) complete() bool { return p.ended || p.size >= 0 && p.have == p.size }

// check compares the hash of what has come with the one that was promised.
func (p *partial) check() error {
	switch {
	case !verifiable(p.etag):
		return nil // a mirror without hashes: the size is all there is to compare
	case p.digest != nil:
		if hex.EncodeToString(p.digest.Sum(nil)) != p.etag {
			return errStale
		}
		return nil
	}
	ok, err := fileHas(p.file.Name(), p.etag)
	if err == nil && !ok {
		err = errStale
	}
	return err
}

// more asks for the rest and takes what comes; again says whether, after an
// error, another try may help.
func (h *Hub) more(ctx context.Context, p *partial) (again bool, err error) {
	ask := request{method: http.MethodGet, url: p.url, about: p.about}
	if p.have > 0 {
		ask.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", p.have)}
		ask.accept = []int{http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable}
	}
	resp, err := h.send(ctx, ask) // tries again by itself
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if fits, err := p.place(resp); err != nil || !fits {
		return err == nil, cmp.Or(err, failf(networds.Unavailable, "%s: the hub cannot go on from byte %d", p.about.describe(), p.have))
	}
	_, err = io.Copy(p, resp.Body)
	switch {
	case err == nil && p.size < 0:
		p.ended = true
		return false, nil
	case err == nil && p.have < p.size:
		err = io.ErrUnexpectedEOF
	case err == nil:
		return false, nil
	}
	var local *localError
	if errors.As(err, &local) {
		return false, local.explain(p.about)
	}
	if p.size >= 0 && p.have > p.size {
		return false, errStale
	}
	return true, failf(networds.Unavailable, "%s: broken off after %d bytes: %w", p.about.describe(), p.have, err)
}

// place says whether what an answer holds follows what there is; where it does
// not, what there is has been dropped.
func (p *partial) place(resp *http.Response) (fits bool, err error) {
	switch resp.StatusCode {
	case http.StatusOK: // the whole file, whether or not that was asked for
		if p.have > 0 {
			if err := p.restart(); err != nil {
				return false, err
			}
		}
		if p.size < 0 && resp.ContentLength >= 0 {
			p.size = resp.ContentLength
			p.start()
		}
		return true, nil
	case http.StatusPartialContent:
		var from, to int64
		if n, _ := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/", &from, &to); n == 2 && from == p.have {
			return true, nil
		}
	}
	return false, p.restart()
}

// Write takes bytes that came.
func (p *partial) Write(b []byte) (int, error) {
	if p.size >= 0 && p.have+int64(len(b)) > p.size {
		p.have += int64(len(b))
		return 0, errors.New("more bytes came than the hub said there are")
	}
	n, err := p.file.Write(b)
	p.have += int64(n)
	if p.digest != nil {
		p.digest.Write(b[:n])
	}
	p.came(int64(n))
	if err != nil {
		return n, &localError{err}
	}
	return n, nil
}

// localError is a failure to keep what came.
type localError struct{ err error }

func (l *localError) Error() string { return l.err.Error() }
func (l *localError) Unwrap() error { return l.err }

// explain says it without the temporary file's name.
func (l *localError) explain(about subject) error {
	var path *os.PathError
	err := l.err
	if errors.As(err, &path) {
		err = path.Err
	}
	if errors.Is(err, syscall.ENOSPC) {
		return hint.Wrap(failf(kindNoSpace, "%s: writing: %w", about.describe(), err),
			"what has come is kept: the same command goes on from there once there is room, or set HF_HOME to a larger disk")
	}
	return fmt.Errorf("%s: writing: %w", about.describe(), err)
}
