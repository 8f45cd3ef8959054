//go:build linux && amd64 && !purego

package kernel

import "golang.org/x/sys/unix"

const (
	archReqXcompPerm = 0x1023 // ARCH_REQ_XCOMP_PERM of arch_prctl(2)
	xfeatureTileData = 18
)

// askForTiles asks Linux, once for the whole process, to let it use AMX's tile data.
func askForTiles() bool {
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, archReqXcompPerm, xfeatureTileData, 0)
	return errno == 0
}
