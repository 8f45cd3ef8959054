package tensor

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newPool(n int) *Pool {
	p := &Pool{}
	p.resize(n)
	return p
}

func TestPoolDoesEveryTaskOnce(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7} {
		p := newPool(size)
		if p.Size() != size {
			t.Errorf("size %d, want %d", p.Size(), size)
		}
		for _, n := range []int{0, 1, 2, 5, 100, 1000} {
			done := make([]atomic.Int32, n)
			working := make([]atomic.Int32, size)
			p.Do(n, func(task, worker int) {
				if working[worker].Add(1) != 1 {
					t.Error("two tasks share a worker")
				}
				done[task].Add(1)
				working[worker].Add(-1)
			})
			for i := range done {
				if done[i].Load() != 1 {
					t.Fatalf("task %d of %d was done %d times", i, n, done[i].Load())
				}
			}
		}
	}
}

// TestPoolConcurrentAndNested calls Do from many goroutines and from tasks, with pauses long enough for helpers to sleep.
func TestPoolConcurrentAndNested(t *testing.T) {
	p := newPool(4)
	var total atomic.Int64
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := range 200 {
				p.Do(5, func(int, int) {
					p.Do(3, func(int, int) { total.Add(1) })
				})
				if i%50 == g {
					time.Sleep(200 * time.Microsecond)
				}
			}
		})
	}
	wg.Wait()
	if got := total.Load(); got != 6*200*5*3 {
		t.Errorf("%d tasks were done, want %d", got, 6*200*5*3)
	}
}

func TestPoolResizes(t *testing.T) {
	p := newPool(5)
	for _, size := range []int{2, 1, 4, 6} {
		p.resize(size)
		var most atomic.Int32
		p.Do(100, func(_, worker int) {
			for {
				old := most.Load()
				if int32(worker) <= old || most.CompareAndSwap(old, int32(worker)) {
					return
				}
			}
		})
		if int(most.Load()) >= size {
			t.Errorf("worker %d of a pool of %d", most.Load(), size)
		}
	}
}

func TestPoolAllocatesNothing(t *testing.T) {
	p := newPool(3)
	f := func(int, int) {}
	if n := testing.AllocsPerRun(100, func() { p.Do(8, f) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkPool(b *testing.B) {
	p := DefaultPool()
	f := func(int, int) {}
	for b.Loop() {
		p.Do(2, f)
	}
}
