// Package networds says in plain words why no connection was made: who tried, and
// through which resolver, is left out. For scripts, a failure has a kind.
package networds

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
)

// said is an error under other words.
type said struct {
	text string
	error
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.error }

// Plain is an error of net/http without the method and the address, which the
// caller names, and where no connection was made in plain words. Errors that
// it does not know are as they were.
func Plain(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		if dns.IsNotFound {
			return &said{fmt.Sprintf("there is no host %s, or no network", dns.Name), err}
		}
		return &said{fmt.Sprintf("nobody says where the host %s is: is there a network?", dns.Name), err}
	}
	op := (*net.OpError)(nil)
	if !errors.As(err, &op) || op.Op != "dial" || op.Addr == nil {
		return err
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &said{fmt.Sprintf("the connection to %s is refused", op.Addr), err}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return &said{fmt.Sprintf("no network leads to %s", op.Addr), err}
	case op.Timeout():
		return &said{fmt.Sprintf("%s does not answer", op.Addr), err}
	}
	return err
}
