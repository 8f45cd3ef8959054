package largepages

import "testing"

func TestBytes(t *testing.T) {
	for _, n := range []int{0, 1, least - 1, least, least + 1, 16<<20 + 12345} {
		b := Bytes(n)
		if len(b) != n {
			t.Errorf("%d bytes, want %d", len(b), n)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("byte %d of %d is %d", i, n, b[i])
			}
			b[i] = 1
		}
	}
}
