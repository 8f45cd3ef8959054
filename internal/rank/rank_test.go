package rank

import (
	"slices"
	"testing"
)

func TestBest(t *testing.T) {
	scores := []float32{0.5, 2, -1, 2, 0.5}
	for n, want := range map[int][]int{0: {}, 3: {1, 3, 0}, 5: {1, 3, 0, 4, 2}, 9: {1, 3, 0, 4, 2}} {
		if got := Best(scores, n); !slices.Equal(got, want) {
			t.Errorf("the best %d of %v: %v, want %v", n, scores, got, want)
		}
	}
	if got := Best([]float64{}, 2); len(got) != 0 {
		t.Errorf("the best of none: %v", got)
	}
}
