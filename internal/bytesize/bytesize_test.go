package bytesize

import "testing"

func TestOf(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "unknown", 0: "0 B", 999: "999 B", 1_000: "1.0 kB", 1_000_000: "1.0 MB", 1_000_000_000: "1.00 GB", 90_500: "90.5 kB", 31_000_000: "31.0 MB", 999_000_000: "999.0 MB", 4_560_000_000: "4.56 GB",
	} {
		if got := Of(n); got != want {
			t.Errorf("%d bytes are %q, not %q", n, got, want)
		}
	}
}
