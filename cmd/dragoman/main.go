// Command dragoman lets an image talk to a language model: captions, answers, match scores, embeddings, training and a look
// inside. One file a command; everything of substance is in the library.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"dragoman/internal/atomicfile"
	_ "dragoman/mini" // the built-in model
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// grace is how long work that is told to stop may take to do so by itself.
const grace = time.Second

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: a call with its streams, answered by an exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	// A signal ends the work through the context, so that files being written are finished or removed; the status then
	// says which signal it was. Whoever does not ask the context (a model that is being loaded, a long product) is not waited
	// for: what it was writing goes, and so does the process. A second signal kills at once, as the handler is given back after the first.
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	returned := make(chan struct{})
	defer close(returned)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go stopOn(signals, cancel, returned, grace, func(status int) {
		atomicfile.Abandon()
		os.Exit(status)
	})
	debug.SetPanicOnFault(true) // see broken
	defer func() {
		signal.Stop(signals)
		if p := recover(); p != nil {
			fmt.Fprintln(stderr, broken(p))
			if os.Getenv("DRAGOMAN_DEBUG") != "" {
				_, _ = stderr.Write(debug.Stack())
			}
			status = exitFailed
		}
	}()

	c := newCLI(interruptible{ctx, stdin}, stdout, stderr)
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if flushErr := c.out.Flush(); err == nil && flushErr != nil {
		err = flushErr
	}
	var sig *interrupted
	if errors.As(context.Cause(ctx), &sig) {
		return sig.status()
	}
	return c.report(err)
}

// stopOn ends the work on the first of signals, and the process where the work has not returned after a time.
func stopOn(signals chan os.Signal, cancel context.CancelCauseFunc, returned <-chan struct{}, after time.Duration, exit func(status int)) {
	stop := &interrupted{<-signals}
	signal.Stop(signals)
	cancel(stop)
	select {
	case <-returned:
	case <-time.After(after):
		exit(stop.status())
	}
}

// broken is what is shown of a panic: that this program is wrong, or, where memory is gone that a file was mapped to, that the file is.
func broken(p any) string {
	var fault interface{ Addr() uintptr }
	if err, ok := p.(error); ok && errors.As(err, &fault) {
		return "dragoman: reading a mapped file: it was cut short, or its disk fails, while the model was in use\n" +
			"hint: a model's files must stay as they are while they are used; write a new file and rename it instead"
	}
	return fmt.Sprintf("dragoman: internal error: %v\nhint: this is a bug in dragoman; DRAGOMAN_DEBUG=1 shows where", p)
}

// interruptible is standard input that a signal ends: whoever waits for a line must not wait for ever.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r interruptible) Read(b []byte) (int, error) {
	type result struct {
		bytes []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		own := make([]byte, len(b)) // the caller may be gone when they come
		n, err := r.Reader.Read(own)
		done <- result{own[:n], err}
	}()
	select {
	case got := <-done:
		if got.err != nil && r.stopped() {
			return 0, context.Cause(r.ctx)
		}
		return copy(b, got.bytes), got.err
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	}
}

// together is how long behind the end of a pipe a signal may come that goes with it.
const together = 50 * time.Millisecond

// stopped says, at the end of standard input, whether a signal has come. Ctrl-C stops all programs of a pipeline, and whoever stops this one may
// close its standard input in the same breath: which of both is seen first is chance.
func (r interruptible) stopped() bool {
	if isPipe(r.Reader) {
		select {
		case <-r.ctx.Done():
		case <-time.After(together):
		}
	}
	return r.ctx.Err() != nil
}

// isPipe says whether something is written to r by another program.
func isPipe(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal os.Signal }

func (i *interrupted) Error() string { return "stopped by " + i.signal.String() }

func (i *interrupted) status() int {
	if i.signal == syscall.SIGTERM {
		return 143
	}
	return 130
}
