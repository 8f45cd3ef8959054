//go:build !amd64 || purego

package kernel

func (e *Engine) peaks() []Peak { return nil }

func (e *Engine) readers() []func(p []byte) uint64 { return []func(p []byte) uint64{readGeneric} }
