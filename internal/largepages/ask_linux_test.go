package largepages

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// TestAsk sees that the system knows what was asked for.
func TestAsk(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this system has no large pages")
	}
	b := Bytes(3 * least)
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	middle, inside := uintptr(unsafe.Pointer(&b[len(b)/2])), false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= middle && middle < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			if !strings.Contains(flags+" ", " hg ") {
				t.Errorf("the middle of %d bytes lies in memory with the flags%s", len(b), flags)
			}
			return
		}
	}
	t.Skip("the system does not say")
}
