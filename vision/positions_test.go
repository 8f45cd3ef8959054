package vision

import (
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
)

// TestPositionsOfStoredWeights brings positions to another size that their file holds in 16 bits.
func TestPositionsOfStoredWeights(t *testing.T) {
	x := make([]float32, 5*4)
	for i := range x {
		x[i] = float32(i) / 4
	}
	raw := make([]byte, 2*len(x))
	kernel.Encode(kernel.F16, raw, x)
	stored := tensor.NewWeight("p", kernel.MatOf(kernel.F16, 5, 4, raw), 1, 5, 4)
	want, got := positions(tensor.FromFloats(x, 5, 4), 2, 3, 2.0/3, 10, 4), positions(stored, 2, 3, 2.0/3, 1, 10, 4)
	for i, v := range want.Data() {
		if got.Data()[i] != v {
			t.Fatalf("value %d is %v, want %v", i, got.Data()[i], v)
		}
	}
	if got.Name() != "p" || got.NeedsGrad() {
		t.Errorf("%v learns", got)
	}
}

// TestSamePadding makes ⌈n/stride⌉ of n places.
func TestSamePadding(t *testing.T) {
	for n := 1; n < 20; n++ {
		for _, c := range [][2]int{{1, 1}, {3, 1}, {3, 2}, {5, 2}, {1, 2}} {
			before, after := SamePadding(n, c[0], c[1])
			if out := (n+before+after-c[0])/c[1] + 1; before < 0 || after < before || after > before+1 || out != (n+c[1]-1)/c[1] {
				t.Errorf("%d places, a window of %d every %d: %d and %d make %d", n, c[0], c[1], before, after, out)
			}
		}
	}
}

// TestCheckSize refuses what is smaller than a patch, and what has more patches than anybody waits for.
func TestCheckSize(t *testing.T) {
	for _, c := range []struct {
		size, patch int
		want        string
	}{{14, 14, ""}, {13, 14, "from 14"}, {1 << 20, 14, "to 8192"}, {1792, 14, ""}, {1806, 14, "16641 patches of 14×14, the most is 16384, as of pictures of 1792×1792"}, {8192, 64, ""}, {8192, 1, "67108864 patches"}} {
		err := CheckSize(c.size, c.patch)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d by %d: %v", c.size, c.patch, err)
		}
	}
}
