package vision

import (
	"math"
	"testing"
)

func TestRootHasALengthAndNoNaN(t *testing.T) {
	for _, x := range [][]float32{{4, 9, 0, 16}, {0, 0, 0, 0}, {-1, 1, -5, 0}} {
		dst := make([]float32, len(x))
		Root(dst, x)
		var sum float64
		for i, v := range dst {
			if v != v || v < 0 || (x[i] <= 0) != (v == 0) {
				t.Errorf("%v became %v", x, dst)
			}
			sum += float64(v) * float64(v)
		}
		if length := math.Sqrt(sum); sum != 0 && math.Abs(length-rootedLength) > 1e-4 {
			t.Errorf("%v has length %v", x, length)
		}
	}
}
