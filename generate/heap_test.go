package generate

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHeap takes the likeliest of random candidates, many of them equal, and compares with sorting all.
func TestHeap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		all := make([]candidate, n)
		for i := range all {
			all[i] = candidate{int32(i), float32(rng.IntN(1 + n/3))}
		}
		rng.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		sorted := slices.Clone(all)
		slices.SortFunc(sorted, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.id, a.id))
		})
		h := newHeap(all)
		few := rng.IntN(n + 1)
		for i := range few {
			if got := h.pop(); got != sorted[i] || h.popped(i) != got {
				t.Fatalf("%d of %d: %v, want %v", i, n, got, sorted[i])
			}
		}
		if got := h.taken(); !slices.Equal(got, sorted[:few]) {
			t.Errorf("taken are %v, want %v", got, sorted[:few])
		}
	}
}

// TestDrawingMakesNoGarbage draws from a large vocabulary under every cut.
func TestDrawingMakesNoGarbage(t *testing.T) {
	scores := make([]float32, 5000)
	for i := range scores {
		scores[i] = float32(i % 37)
	}
	for _, o := range []Options{{Temperature: 1}, {Temperature: 1, TopK: 9}, {Temperature: 1, TopP: 0.7}, {Temperature: 1, TopK: 900, TopP: 0.5}} {
		s := newSampler(1)
		s.draw(scores, &o)
		if n := testing.AllocsPerRun(20, func() { s.draw(scores, &o) }); n > 2 {
			t.Errorf("%+v: %v allocations a draw", o, n)
		}
	}
}
