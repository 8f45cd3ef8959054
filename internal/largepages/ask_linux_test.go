package largepages

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestAsk sees that the system knows what was asked for.
func TestAsk(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this system has no large pages")
	}
	asked, err := unix.Mmap(-1, 0, 2*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(asked) }()
	_ = unix.Madvise(asked, unix.MADV_HUGEPAGE)
	if !strings.Contains(flagsOf(t, asked), " hg ") {
		t.Skip("an emulated system does not pass on what is asked for")
	}
	b := Bytes(3 * least)
	if flags := flagsOf(t, b); !strings.Contains(flags, " hg ") {
		t.Errorf("the middle of %d bytes lies in memory with the flags%s", len(b), flags)
	}
}

// flagsOf are those that the system has for the middle of b, each between spaces.
func flagsOf(t *testing.T, b []byte) string {
	t.Helper()
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
		if flags, ok := strings.CutPrefix(strings.TrimSpace(line), "VmFlags:"); ok && inside {
			return flags + " "
		}
	}
	t.Skip("the system does not say")
	return ""
}
