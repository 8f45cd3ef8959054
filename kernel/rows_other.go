//go:build !amd64

package kernel

// floatRows and int8Rows are the row kernels of each stored type: none where there is no assembly.
func (e *Engine) floatRows() [numDTypes]rowKernel { return [numDTypes]rowKernel{} }
func (e *Engine) int8Rows() [numDTypes]rowKernel  { return [numDTypes]rowKernel{} }
