// Package largepages makes memory for weights: where the system has large pages for those who ask, it asks for them, so that reading
// gigabytes in turn looks up a few hundred addresses a second in the system's tables instead of many thousands.
package largepages

// least is how much memory is worth asking for.
const least = 4 << 20

// Bytes is n bytes of zeros.
func Bytes(n int) []byte {
	b := make([]byte, n)
	if n >= least {
		ask(b)
	}
	return b
}
