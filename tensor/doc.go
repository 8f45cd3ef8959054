// Package tensor holds dense tensors, the differentiable operations on them, the tape that runs them backwards, the arena
// that their memory comes from, and the worker pool that all models of a process share.
//
// Activations are float32, row-major, and belong to a Run; weights are parameters (float32 with a gradient, or stored types
// mapped from a file and frozen). An operation is a method of Run; it records its backward only when the run has a tape and an
// input needs a gradient. Operations are coarse, and a shape that does not fit is the programmer's mistake: a panic that
// says both shapes. Shapes that come from files are checked where files are read (package nn's Builder).
package tensor
