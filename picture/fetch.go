package picture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"dragoman/internal/networds"
)

// Fetcher reads pictures from http and https addresses, within limits. The zero value has limits that are ready.
type Fetcher struct {
	MaxBytes     int64         // of one file; 0 means 64 MiB
	Timeout      time.Duration // for one file, redirects and all; 0 means a minute
	MaxRedirects int           // 0 means 5
	Client       *http.Client  // whose transport is used; nil means the default one
}

// The limits of a Fetcher that does not say otherwise.
const (
	fetchBytes     = 64 << 20
	fetchTime      = time.Minute
	fetchRedirects = 5
)

// Fetch returns what a Source needs: a function that reads an address until ctx ends.
func (f Fetcher) Fetch(ctx context.Context) func(address string) ([]byte, error) {
	if f.MaxBytes <= 0 {
		f.MaxBytes = fetchBytes
	}
	if f.Timeout <= 0 {
		f.Timeout = fetchTime
	}
	if f.MaxRedirects <= 0 {
		f.MaxRedirects = fetchRedirects
	}
	client := http.Client{}
	if f.Client != nil {
		client = *f.Client
	}
	client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) > f.MaxRedirects {
			return fmt.Errorf("more than %d redirects", f.MaxRedirects)
		}
		return nil
	}
	return func(address string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, f.Timeout)
		defer cancel()
		data, err := f.get(ctx, &client, address)
		if errors.Is(err, context.DeadlineExceeded) {
			err = &networds.Failure{Kind: networds.Unavailable, Err: fmt.Errorf("no whole answer within %v", f.Timeout)}
		}
		return data, err
	}
}

func (f Fetcher) get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, networds.Plain(err)
	}
	request.Header.Set("Accept", "image/*")
	request.Header.Set("User-Agent", "dragoman")
	answer, err := client.Do(request)
	if err != nil {
		return nil, noAnswer(networds.Plain(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, &networds.Failure{Kind: statusKind(answer.StatusCode), Err: fmt.Errorf("the server answers %s", answer.Status)}
	}
	if answer.ContentLength > f.MaxBytes {
		return nil, &decodeError{kind: ErrTooLarge, text: fmt.Sprintf("the file has %d bytes, more than the %d that are fetched", answer.ContentLength, f.MaxBytes)}
	}
	data, err := readUpTo(answer.Body, f.MaxBytes)
	if err != nil {
		return nil, noAnswer(networds.Plain(err))
	}
	return data, nil
}

// noAnswer marks an error of the connection, as opposed to one of the address or of what was sent.
func noAnswer(err error) error {
	if network := net.Error(nil); errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &networds.Failure{Kind: networds.Unavailable, Err: err}
	}
	return err
}

// statusKind is what an answer without a picture means.
func statusKind(status int) networds.Kind {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return networds.NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return networds.Refused
	case http.StatusTooManyRequests:
		return networds.RateLimited
	}
	if status < http.StatusInternalServerError {
		return "invalid_input"
	}
	return networds.Unavailable
}
