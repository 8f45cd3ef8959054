package tensor

// Pool is a set of workers. All models and goroutines of a process share DefaultPool.
type Pool struct{}

// DefaultPool is the process's pool; its size is the container's CPU limit unless SetThreads said otherwise.
func DefaultPool() *Pool { panic("todo") }

// SetThreads sets the size of the default pool; n ≤ 0 means the container's CPU limit. Call it before the first run.
func SetThreads(n int) { panic("todo") }

// Do implements kernel.Workers.
func (p *Pool) Do(n int, f func(task, worker int)) { panic("todo") }

// Size implements kernel.Workers.
func (p *Pool) Size() int { panic("todo") }

type arena struct{}
type gradSlot struct{}
