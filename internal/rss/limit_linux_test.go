package rss

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLimit(t *testing.T) {
	const meminfo = "MemTotal:       16000000 kB\nMemFree:  1 kB\n"
	for what, c := range map[string]struct {
		files map[string]string
		want  int64
		by    string
	}{
		"machine":  {map[string]string{"proc/meminfo": meminfo}, 16_000_000 << 10, "the machine"},
		"nothing":  {nil, 0, ""},
		"group":    {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "5000\n"}, 5000, "its control group"},
		"above it": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "6000\n"}, 6000, "its control group"},
		"container": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "7000\n"}, 7000, "its control group",
		},
		"version 1, seen from inside": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpu,cpuacct:/x\n5:memory:/docker/abc\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "8000"}, 8000, "its control group",
		},
		"version 1, unlimited": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 16_000_000 << 10, "the machine",
		},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, by := limitBelow(root); got != c.want || by != c.by {
			t.Errorf("%s: %d by %q, want %d by %q", what, got, by, c.want, c.by)
		}
	}
	if got, _ := Limit(); got <= 0 {
		t.Error("this machine has no memory")
	}
}
