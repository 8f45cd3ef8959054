package networds

// Kind tells failures apart for scripts.
type Kind string

// What becomes of asking a server.
const (
	NotFound    Kind = "not_found"
	Refused     Kind = "permission_denied"
	RateLimited Kind = "rate_limited"
	Unavailable Kind = "unavailable" // no connection, or the server's own fault: another time there may be an answer
)

// Failure is an error with its kind.
type Failure struct {
	Kind Kind
	Err  error
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// ErrorType names the kind.
func (f *Failure) ErrorType() string { return string(f.Kind) }
