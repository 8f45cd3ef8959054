//go:build !amd64 || purego

package kernel

// detect knows of no assembly here.
func detect() (best Family, id identity) { return Generic, identity{} }
