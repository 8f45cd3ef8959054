//go:build !amd64 || purego

package kernel

// fused is the micro-kernel that attention computes with: none, and none of what follows is reached.
func (e *Engine) fused(DType) *kit { return nil }

func softmaxRows(*kit, *softmaxBlock)                                  { panic("kernel: no vectors") }
func slopeRows(*kit, *slopeBlock)                                      { panic("kernel: no vectors") }
func maskScores(*float32, int, int, float32, *float32, *uint8, *uint8) { panic("kernel: no vectors") }
func storeScaled(*float32, int, *float32, int, int, *float32)          { panic("kernel: no vectors") }
func mulPanels(*kit, *uint32, int, rowSide, *uint32, int, int, int, int, *ahead) {
	panic("kernel: no vectors")
}
