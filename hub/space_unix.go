//go:build linux || darwin || freebsd

package hub

import "golang.org/x/sys/unix"

// freeSpace is how many bytes may still be written below dir; ok is false where
// that is not known.
func freeSpace(dir string) (bytes int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Bsize <= 0 || st.Bavail <= 0 {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
