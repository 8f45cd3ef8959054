package rss

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limit is how much memory this process may have, and what says so: the machine, a control group (of a container), or ulimit -v.
// 0 where nothing says.
func Limit() (bytes int64, by string) {
	bytes, by = limitBelow("/")
	var as unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &as) == nil && as.Cur < math.MaxInt64 {
		// Addresses count, of which the runtime has taken more than it has memory.
		pages, _, _ := strings.Cut(readText("/proc/self/statm"), " ")
		taken, _ := strconv.ParseInt(pages, 10, 64)
		bytes, by = lower(bytes, by, max(1, int64(as.Cur)-taken*int64(os.Getpagesize())), "ulimit -v")
	}
	return bytes, by
}

// limitBelow reads what a system that is mounted at root says.
func limitBelow(root string) (bytes int64, by string) {
	for line := range strings.Lines(readText(filepath.Join(root, "proc/meminfo"))) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			if kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
				bytes, by = kb<<10, "the machine"
			}
		}
	}
	for line := range strings.Lines(readText(filepath.Join(root, "proc/self/cgroup"))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(parts) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		// A group is bounded by all above it. Inside of a container the path may be the host's, of which only the top is seen.
		for path := filepath.Join("/", parts[2]); ; path = filepath.Dir(path) {
			text := strings.TrimSpace(readText(filepath.Join(root, mount, path, file)))
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
				bytes, by = lower(bytes, by, n, "its control group")
			}
			if path == "/" {
				break
			}
		}
	}
	return bytes, by
}

func lower(bytes int64, by string, other int64, otherBy string) (int64, string) {
	if bytes == 0 || other < bytes {
		return other, otherBy
	}
	return bytes, by
}

// readText is a file's text, nothing where it cannot be read.
func readText(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(raw)
}
