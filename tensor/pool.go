package tensor

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is a set of workers. All models and goroutines of a process share DefaultPool.
//
// The goroutine that calls Do is itself a worker, the others are helpers that it hires if they are idle. So calls from many
// goroutines, and calls from inside a task, always make progress, if need be alone. A helper that has finished looks out for
// the next piece of work for a few microseconds before it sleeps: decoding a token is hundreds of small pieces.
type Pool struct {
	helpers atomic.Pointer[[]*helper]
	mu      sync.Mutex
	all     []*helper // every helper ever started; helpers is the front of it
	jobs    sync.Pool
}

// spinTime is how long a worker looks out before it sleeps, and spinPause how many pauses lie between two looks.
const (
	spinTime  = 40 * time.Microsecond
	spinPause = 4
)

type helper struct {
	mail   atomic.Pointer[job] // what to do; busy while it is being done
	asleep atomic.Bool
	wake   chan struct{}
	index  int // its worker number
	_      [64]byte
}

// job is one call of Do.
type job struct {
	n    int64
	f    func(task, worker int)
	next atomic.Int64
	left atomic.Int64 // the caller and the helpers that still hold the job
	done chan struct{}
	// failed is the first panic of a task in a helper.
	failed atomic.Pointer[Panic]
	_      [64]byte
}

// Panic is what Do panics with when a task has panicked in another goroutine, where nobody could recover it.
type Panic struct {
	Value any    // what the task panicked with
	Stack []byte // where, as debug.Stack writes it
}

// Error is the value's text, on its own.
func (p *Panic) Error() string { return fmt.Sprint(p.Value) }

// Unwrap is the value where that is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// busy is in a helper's mail while it works.
var busy = new(job)

var (
	defaultPool     *Pool
	defaultPoolOnce sync.Once
)

// DefaultPool is the process's pool; its size is the container's CPU limit unless SetThreads said otherwise.
func DefaultPool() *Pool {
	defaultPoolOnce.Do(func() {
		defaultPool = &Pool{}
		defaultPool.resize(runtime.GOMAXPROCS(0))
	})
	return defaultPool
}

// SetThreads sets the size of the default pool; n ≤ 0 means the container's CPU limit. Call it before the first run.
func SetThreads(n int) {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	DefaultPool().resize(n)
}

func (p *Pool) resize(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.all) < n-1 {
		h := &helper{wake: make(chan struct{}, 1), index: len(p.all) + 1}
		p.all = append(p.all, h)
		go h.run()
	}
	front := p.all[: n-1 : n-1]
	p.helpers.Store(&front)
}

// Size implements kernel.Workers.
func (p *Pool) Size() int { return len(*p.helpers.Load()) + 1 }

// Do implements kernel.Workers. It may be called from many goroutines at a time and from inside f; worker numbers are those
// of this call. When a task panics, no further ones begin, and Do panics in its caller's goroutine once those under way have
// ended: with the task's own value if the caller did that task, else with a *Panic.
func (p *Pool) Do(n int, f func(task, worker int)) {
	helpers := *p.helpers.Load()
	if n <= 1 || len(helpers) == 0 {
		for task := range n {
			f(task, 0)
		}
		return
	}
	j, _ := p.jobs.Get().(*job)
	if j == nil {
		j = &job{done: make(chan struct{}, 1)}
	}
	j.n, j.f = int64(n), f
	j.next.Store(0)
	j.left.Store(1)
	hired := 0
	for _, h := range helpers {
		if hired == n-1 {
			break
		}
		if h.mail.Load() != nil {
			continue
		}
		j.left.Add(1)
		if !h.mail.CompareAndSwap(nil, j) {
			j.left.Add(-1)
			continue
		}
		hired++
		if h.asleep.Load() && h.asleep.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	defer p.finish(j, helpers, hired)
	j.work(0)
}

// finish waits for the helpers that were hired. It does so also while the panic of a task goes by: what helpers write to
// belongs to callers further up.
func (p *Pool) finish(j *job, helpers []*helper, hired int) {
	if j.next.Load() < j.n { // a panic
		j.next.Store(j.n)
	}
	if hired > 0 {
		for _, h := range helpers {
			// Nothing is left to do for a helper that has not come yet.
			if h.mail.Load() == j && h.mail.CompareAndSwap(j, nil) {
				j.left.Add(-1)
			}
		}
		j.wait()
	}
	failed := j.failed.Load()
	if failed != nil {
		j.failed.Store(nil)
	}
	j.f = nil
	p.jobs.Put(j)
	if failed != nil {
		panic(failed)
	}
}

// help is work in a helper: a panic ends the job, not the process, and is left for the caller.
func (j *job) help(worker int) {
	defer func() {
		if v := recover(); v != nil {
			p, nested := v.(*Panic)
			if !nested {
				p = &Panic{v, debug.Stack()}
			}
			j.failed.CompareAndSwap(nil, p)
			j.next.Store(j.n)
		}
	}()
	j.work(worker)
}

// work does tasks until there are none.
func (j *job) work(worker int) {
	for {
		task := j.next.Add(1) - 1
		if task >= j.n {
			return
		}
		j.f(int(task), worker)
	}
}

// wait returns when no helper holds the job.
func (j *job) wait() {
	var start time.Time
	for i := 0; j.left.Load() > 1; i++ {
		pause(spinPause)
		if i%16 == 15 {
			if start.IsZero() {
				start = time.Now()
			} else if time.Since(start) > spinTime {
				if j.left.Add(-1) > 0 {
					<-j.done
				}
				return
			}
		}
	}
}

func (h *helper) run() {
	debug.SetPanicOnFault(true) // a mapped file that is cut short is a panic, which the job's caller gets
	for {
		j := h.next()
		j.help(h.index)
		h.mail.Store(nil)
		if j.left.Add(-1) == 0 {
			j.done <- struct{}{} // the caller has stopped looking
		}
	}
}

// next waits for a job and takes it.
func (h *helper) next() *job {
	for {
		var start time.Time
		for i := 0; ; i++ {
			if j := h.mail.Load(); j != nil && h.mail.CompareAndSwap(j, busy) {
				return j
			}
			pause(spinPause)
			if i%16 == 15 {
				if start.IsZero() {
					start = time.Now()
				} else if time.Since(start) > spinTime {
					break
				}
			}
		}
		h.asleep.Store(true)
		if h.mail.Load() != nil && h.asleep.CompareAndSwap(true, false) {
			continue
		}
		<-h.wake
	}
}
