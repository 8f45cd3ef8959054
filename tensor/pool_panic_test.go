package tensor

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPoolPassesPanicsOn panics in a task of a helper and in one of the caller: either way Do's caller can recover, no task runs
// after that, and the pool works as before.
func TestPoolPassesPanicsOn(t *testing.T) {
	p := newPool(3)
	broken := errors.New("a broken task")
	for _, byHelper := range []bool{true, false} {
		for range 50 {
			var running atomic.Int32
			caught := func() (v any) {
				defer func() { v = recover() }()
				deadline := time.Now().Add(10 * time.Second)
				var failed atomic.Bool
				p.Do(1000, func(_, worker int) {
					running.Add(1)
					defer running.Add(-1)
					if (worker > 0) == byHelper {
						failed.Store(true)
						panic(broken)
					}
					for !failed.Load() && time.Now().Before(deadline) { // leave the task to the other kind of worker
						time.Sleep(10 * time.Microsecond)
					}
				})
				return nil
			}()
			if running.Load() != 0 {
				t.Fatal("a task still runs after Do has returned")
			}
			err, _ := caught.(error)
			if !errors.Is(err, broken) || err.Error() != broken.Error() {
				t.Fatalf("recovered %v, want %v", caught, broken)
			}
			if passed, ok := caught.(*Panic); ok != byHelper {
				t.Fatalf("recovered %T, from a helper: %v", caught, byHelper)
			} else if ok && !strings.Contains(string(passed.Stack), "TestPoolPassesPanicsOn") {
				t.Errorf("the stack does not lead to the task:\n%s", passed.Stack)
			}
		}
	}
	var done atomic.Int32
	p.Do(100, func(int, int) { done.Add(1) })
	if done.Load() != 100 {
		t.Errorf("%d of 100 tasks were done after the panics", done.Load())
	}
}

// TestPoolPassesNestedPanicsOn panics two calls deep: the value comes out once wrapped, not twice.
func TestPoolPassesNestedPanicsOn(t *testing.T) {
	p := newPool(4)
	defer func() {
		v := recover()
		if passed, ok := v.(*Panic); ok {
			v = passed.Value
		}
		if v != "deep" {
			t.Errorf("recovered %v", v)
		}
	}()
	p.Do(8, func(int, int) {
		p.Do(8, func(int, int) { panic("deep") })
	})
}
