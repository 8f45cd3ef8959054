package rss

import (
	"os"
	"strconv"
	"strings"
)

// Peak is the largest resident set since the process began or Reset was called, in bytes; 0 where the system does not say.
func Peak() int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				if kb, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
					return kb << 10
				}
			}
		}
	}
	return 0
}

// Reset forgets the peak so far, where the system allows it.
func Reset() {
	// Not being allowed to only makes Peak larger.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}
