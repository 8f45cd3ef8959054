package tensor

import (
	"math"
	"slices"
	"sync"
	"testing"

	"dragoman/kernel"
)

// TestThreadsChangeNoByte trains a step with different numbers of workers.
func TestThreadsChangeNoByte(t *testing.T) {
	defer SetThreads(0)
	engines := kernel.Engines()
	if raceEnabled { // the others are slow under it and split work the same way
		engines = []*kernel.Engine{kernel.Default()}
	}
	for _, eng := range engines {
		for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
			var loss float32
			var grads [][]float32
			for _, threads := range []int{1, 2, 3, 7} {
				SetThreads(threads)
				n := newNetwork(2)
				r := NewRun(Options{Engine: eng, Compute: compute, Grad: true, Train: true, Seed: 5})
				got := n.step(r)
				if grads == nil {
					loss = got
					for _, p := range n.params {
						grads = append(grads, slices.Clone(p.Grad()))
					}
					continue
				}
				if got != loss {
					t.Errorf("%v %v: loss %v with %d threads, %v with one", eng.Family(), compute, got, threads, loss)
				}
				for i, p := range n.params {
					if !sameBits(p.Grad(), grads[i]) {
						t.Errorf("%v %v: parameter %d has another gradient with %d threads", eng.Family(), compute, i, threads)
					}
				}
			}
		}
	}
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestPassesAreIndependent repeats a step in the memory of others, which the arena has poisoned.
func TestPassesAreIndependent(t *testing.T) {
	n := newNetwork(2)
	r := NewRun(Options{Grad: true, Train: true, Seed: 5})
	want := n.step(r)
	grad := slices.Clone(n.params[0].Grad())
	big := newNetwork(3)
	big.step(r)
	r.SetSeed(5)
	if got := n.step(r); got != want || !sameBits(n.params[0].Grad(), grad) {
		t.Errorf("the same step gives %v after another, %v before", got, want)
	}
	r.SetSeed(6)
	if got := n.step(r); got == want {
		t.Error("the seed of dropout changes nothing")
	}
}

// TestTapeChangesNoByte compares a forward that records with one that does not, and with one that is watched.
func TestTapeChangesNoByte(t *testing.T) {
	for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
		n := newNetwork(2)
		recording := n.forward(NewRun(Options{Compute: compute, Grad: true})).Data()[0]
		plain := n.forward(NewRun(Options{Compute: compute})).Data()[0]
		watched := n.forward(NewRun(Options{Compute: compute, Observer: &watcher{}})).Data()[0]
		if recording != plain || watched != plain {
			t.Errorf("%v: loss %v, under a tape %v, watched %v", compute, plain, recording, watched)
		}
	}
}

type watcher struct{ maps int }

func (*watcher) Module(string, *Tensor)    {}
func (*watcher) WantsModule(string) bool   { return true }
func (*watcher) WantsMap(string) bool      { return true }
func (w *watcher) Map(_ string, _ *Tensor) { w.maps++ }

func TestObserver(t *testing.T) {
	w := &watcher{}
	r := NewRun(Options{Observer: w})
	q := FromFloats(make([]float32, 2*3*4), 2, 3, 4)
	r.Attention(AttentionArgs{Q: q, KV: []KV{{K: q, V: q}}, Heads: 2, Path: "self"})
	r.Attention(AttentionArgs{Q: q, KV: []KV{{K: q, V: q}}, Heads: 2})
	if w.maps != 1 {
		t.Errorf("%d maps, want that of the one attention with a path", w.maps)
	}
}

func TestResetPoisons(t *testing.T) {
	r := NewRun(Options{})
	x := r.Zeros(5).Data()
	r.Reset()
	if !math.IsNaN(float64(x[0])) {
		t.Error("memory that was taken back still holds values")
	}
}

// TestRelease keeps one tensor of many, and the memory does not grow.
func TestRelease(t *testing.T) {
	r := NewRun(Options{})
	start, x := r.Mark(), r.Zeros(10, 1000)
	ones := make([]float32, 1000)
	for i := range ones {
		ones[i] = 1
	}
	bias := FromFloats(ones, 1000)
	for range 1000 {
		x = r.Release(start, r.Scale(r.Add(r.Add(x, bias), bias), 0.5))
	}
	if got := x.Data()[7]; got != 2 { // where x = (x+2)/2 ends
		t.Errorf("kept %v", got)
	}
	if len(r.arena.chunks) > 1 {
		t.Errorf("%d chunks", len(r.arena.chunks))
	}
}

// TestNothingGrows counts what a step allocates once its memory is there: a block more must cost no memory more.
func TestNothingGrows(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	poison = false
	defer func() { poison = true }()
	count := func(blocks int, grad bool) float64 {
		n := newNetwork(blocks)
		r := NewRun(Options{Grad: grad, Train: true})
		return testing.AllocsPerRun(5, func() {
			if grad {
				n.step(r)
			} else {
				r.Reset()
				n.forward(r)
			}
		})
	}
	for _, grad := range []bool{false, true} {
		// The workers' scratch memory may still grow by chance; less than one allocation a block is none.
		if few, many := count(1, grad), count(6, grad); many >= few+5 {
			t.Errorf("tape %v: %v allocations a step with 1 block, %v with 6", grad, few, many)
		}
	}
}

// TestRunsShareThePool runs passes at the same time, and work inside work.
func TestRunsShareThePool(t *testing.T) {
	defer SetThreads(0)
	SetThreads(3)
	n := newNetwork(1)
	want := n.forward(NewRun(Options{})).Data()[0]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := NewRun(Options{})
			for range 5 {
				r.Reset()
				if got := n.forward(r).Data()[0]; got != want {
					t.Errorf("%v beside others, %v alone", got, want)
				}
			}
		})
	}
	wg.Wait()
}
