package generate

import (
	"context"
	"errors"
	"math"
	"testing"
)

// broken gives logits of which one is no number, from some step on.
type broken struct {
	*toy
	value float32
	after int
}

func (b broken) Logits(row int) []float32 {
	x := b.toy.Logits(row)
	if b.steps >= b.after {
		x[3] = b.value
	}
	return x
}

// TestNotFinite ends with an error, however tokens are chosen, where there is nothing to choose by.
func TestNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, value := range []float32{nan, inf} {
		for name, o := range map[string]Options{"greedy": {MaxTokens: 5}, "drawn": {MaxTokens: 5, Temperature: 1, TopK: 3}, "beams": {MaxTokens: 5, Beams: 3}} {
			for _, after := range []int{0, 2} {
				_, err := Run(context.Background(), broken{newToy(11, []int32{1, 2}), value, after}, [][]int32{{1, 2}}, o)
				if !errors.Is(err, ErrNotFinite) {
					t.Errorf("%s, %v after %d steps: %v", name, value, after, err)
				}
			}
		}
	}
	// What a model never says may have no chance at all.
	if _, err := Run(context.Background(), broken{newToy(11, []int32{1, 2}), -inf, 0}, [][]int32{{1, 2}}, Options{MaxTokens: 5}); err != nil {
		t.Error(err)
	}
}
