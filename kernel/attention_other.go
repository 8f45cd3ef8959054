//go:build !amd64 || purego

package kernel

// fused is the micro-kernel that attention computes with: none, and none of what follows is reached.
func (e *Engine) fused(DType) *kit { return nil }

func (e *Engine) softmaxRows(_ *kit, b *softmaxBlock) { e.loops().softmaxPanels(b) }
func (e *Engine) slopeRows(_ *kit, b *slopeBlock)     { e.loops().slopePanels(b) }

func (e *Engine) maskScores(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8) {
	e.loops().maskPanels(acc, step, cols, scale, bias, mask, keyMask)
}

func (e *Engine) storeScaled(out *float32, stride int, acc *float32, rows, cols int, scales *float32) {
	e.loops().storePanel(out, stride, acc, rows, cols, scales)
}

func mulPanels(*kit, *uint32, int, rowSide, *uint32, int, int, int, int, *ahead) {
	panic("kernel: no micro-kernel")
}
