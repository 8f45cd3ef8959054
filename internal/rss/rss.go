// Package rss says how much memory the process has had at its largest.
package rss
