// Package rss says how much memory the process has had at its largest, and how much it may have.
package rss
