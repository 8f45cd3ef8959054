package networds

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
)

func TestPlain(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: err} }
	unknown := dial(errors.New("some other reason"))
	for want, err := range map[string]error{
		"there is no host hub.example, or no network":                    &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "hub.example", Server: "10.0.0.1:53", IsNotFound: true}},
		"nobody says where the host hub.example is: is there a network?": &net.DNSError{Err: "server misbehaving", Name: "hub.example", Server: "10.0.0.1:53", IsTemporary: true},
		"the connection to 192.0.2.1:443 is refused":                     dial(&os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}),
		"no network leads to 192.0.2.1:443":                              dial(&os.SyscallError{Syscall: "connect", Err: syscall.ENETUNREACH}),
		"192.0.2.1:443 does not answer":                                  dial(os.ErrDeadlineExceeded),
		unknown.Error():                                                  unknown,
		io.ErrUnexpectedEOF.Error():                                      io.ErrUnexpectedEOF,
		"tls: failed to verify certificate":                              errors.New("tls: failed to verify certificate"),
		(&net.OpError{Op: "read", Net: "tcp", Err: io.EOF}).Error():      &net.OpError{Op: "read", Net: "tcp", Err: io.EOF},
		http.ErrHandlerTimeout.Error():                                   http.ErrHandlerTimeout,
	} {
		got := Plain(&url.Error{Op: "Get", URL: "https://hub.example/a", Err: err})
		if got.Error() != want || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
		if got := Plain(err); got.Error() != want {
			t.Errorf("%v: %v", err, got)
		}
	}
	if err := syscall.ECONNREFUSED; !errors.Is(Plain(dial(err)), err) {
		t.Error("what it was is lost")
	}
}
