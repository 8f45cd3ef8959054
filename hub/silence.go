package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// watch ends a request when nothing has come from the hub for a while. A slow
// hub is not a silent one: every byte begins the time anew.
type watch struct {
	timer   *time.Timer
	timeout time.Duration
	cancel  context.CancelCauseFunc
	ctx     context.Context
}

// errSilent is the cause of a request that was ended.
var errSilent = errors.New("the hub is silent")

func (h *Hub) watch(parent context.Context) (context.Context, *watch) {
	timeout := h.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithCancelCause(parent)
	w := &watch{timeout: timeout, cancel: cancel, ctx: ctx}
	w.timer = time.AfterFunc(timeout, func() { cancel(errSilent) })
	return ctx, w
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reason is the error of a request, or that it was ended for silence.
func (w *watch) reason(err error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errSilent) {
		return fmt.Errorf("no answer for %s", w.timeout)
	}
	return err
}

// watchedBody is an answer whose reading keeps the watch.
type watchedBody struct {
	io.ReadCloser
	*watch
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop() // what is done with the bytes may take its time
	if err != nil && err != io.EOF {
		err = b.reason(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.stop()
	return b.ReadCloser.Close()
}
