//go:build !linux

package rss

// Peak is not known here.
func Peak() int64 { return 0 }

// Reset does nothing here.
func Reset() {}

// Limit is not known here.
func Limit() (bytes int64, by string) { return 0, "" }
