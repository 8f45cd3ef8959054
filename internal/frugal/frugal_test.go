package frugal

import (
	"testing"
	"time"
)

// failing is a test that remembers that it failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }

var kept []byte

// TestRun allocates and computes a little and too much.
func TestRun(t *testing.T) {
	defer func(was time.Duration) { baseTime = was }(baseTime)
	baseTime = 300 * time.Millisecond
	for _, c := range []struct {
		bytes int
		busy  time.Duration
		want  bool
	}{
		{1 << 20, 0, false},
		{baseBytes + 1<<20, 0, true},
		{0, baseTime + 100*time.Millisecond, processorTime() > 0},
	} {
		f := &failing{TB: t}
		Run(f, 0, func() {
			kept = make([]byte, c.bytes+1)
			for from := processorTime(); processorTime() > 0 && processorTime()-from < c.busy; {
				kept[0]++
			}
		})
		if f.failed != c.want {
			t.Errorf("%d bytes and %v: failed %v", c.bytes, c.busy, f.failed)
		}
	}
	kept = nil
}
