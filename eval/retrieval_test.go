package eval

import (
	"math"
	"slices"
	"testing"
)

func TestRecall(t *testing.T) {
	nan := float32(math.NaN())
	scores := []float32{
		0.9, 0.1, 0.2, // the right one (0) is first
		0.5, 0.5, 0.1, // a tie of 0 and 1: the later is the better, 0 is second
		nan, 0.1, 0.2, // a NaN is last
		0.1, 0.2, 0.3, // nothing is right: not counted
	}
	r := RecallOf(scores, 3, func(row, column int) bool { return row < 3 && column == 0 })
	if want := 100.0 / 3; math.Abs(r.R1-want) > 1e-9 || r.R5 != 100 || r.R10 != 100 {
		t.Errorf("%+v", r)
	}
}

func TestRecallTakesTheBestOfSeveral(t *testing.T) {
	scores := make([]float32, 20)
	for i := range scores {
		scores[i] = float32(20 - i)
	}
	for _, c := range []struct {
		right []int
		want  Recall
	}{
		{[]int{0}, Recall{100, 100, 100}},
		{[]int{4, 12}, Recall{0, 100, 100}},
		{[]int{9}, Recall{0, 0, 100}},
		{[]int{10}, Recall{0, 0, 0}},
	} {
		got := RecallOf(scores, 20, func(_, column int) bool { return slices.Contains(c.right, column) })
		if got != c.want {
			t.Errorf("right %v: %+v, not %+v", c.right, got, c.want)
		}
	}
}

func TestTopKAndTransposed(t *testing.T) {
	if got := TopK([]float32{1, 3, 3, 2}, 3); !slices.Equal(got, []int32{2, 1, 3}) {
		t.Errorf("top %v", got)
	}
	if got := Transposed([]float32{1, 2, 3, 4, 5, 6}, 3); !slices.Equal(got, []float32{1, 4, 2, 5, 3, 6}) {
		t.Errorf("transposed %v", got)
	}
}
