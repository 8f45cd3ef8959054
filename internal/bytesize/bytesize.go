// Package bytesize says numbers of bytes for people.
package bytesize

import "fmt"

// Of is a number of bytes in the largest unit of a thousand that it has one of; a negative number is unknown.
func Of(bytes int64) string {
	switch b := float64(bytes); {
	case b < 0:
		return "unknown"
	case b >= 1e9:
		return fmt.Sprintf("%.2f GB", b/1e9)
	case b >= 1e6:
		return fmt.Sprintf("%.1f MB", b/1e6)
	case b >= 1e3:
		return fmt.Sprintf("%.1f kB", b/1e3)
	}
	return fmt.Sprintf("%d B", bytes)
}
