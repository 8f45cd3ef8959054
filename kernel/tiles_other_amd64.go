//go:build !linux && amd64 && !purego

package kernel

// askForTiles: only Linux is known to grant AMX's tile data to a Go program.
func askForTiles() bool { return false }
