package vision

// SamePadding is what TensorFlow's "same" puts before and behind n places that a window of so many steps over: as much as makes ⌈n/stride⌉ of
// them, and where that is odd, the larger half behind.
func SamePadding(n, window, stride int) (before, after int) {
	total := max(0, ((n+stride-1)/stride-1)*stride+window-n)
	return total / 2, total - total/2
}
