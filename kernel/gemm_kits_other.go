//go:build !amd64 || purego

package kernel

// kit: there is only the generic loop here.
func (e *Engine) kit(*Gemm) *kit { return nil }
