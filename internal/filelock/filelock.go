// Package filelock takes locks that processes hold on open files, so that two of
// them do not write the same thing. Such a lock is given back when its file is
// closed, and when its process ends, however that is.
package filelock
