//go:build !amd64

package kernel

// depthwise is only there in assembly.
func (e *Engine) depthwise(*Depthwise, float32, float32) bool { return false }
