//go:build !amd64 || purego

package kernel

import "unsafe"

// floatRows, int8Rows, int16Rows and eightRows are the row kernels of each stored type: none where there is no assembly.
func (e *Engine) floatRows() [numDTypes]rowKernel { return [numDTypes]rowKernel{} }
func (e *Engine) int8Rows() [numDTypes]rowKernel  { return [numDTypes]rowKernel{} }
func (e *Engine) int16Rows() [numDTypes]rowKernel { return [numDTypes]rowKernel{} }
func (e *Engine) eightRows() [numDTypes]rowKernel { return [numDTypes]rowKernel{} }

// orderGroup puts nothing into order.
func (e *Engine) orderGroup(DType, []byte, int, []byte) bool { return false }

// roundBlocks rounds the inputs at x for int8 kernels.
func roundBlocks(blocks []int8Block, x unsafe.Pointer) {
	for i := range blocks {
		blocks[i].round(unsafe.Slice((*float32)(x), 32*len(blocks))[32*i : 32*i+32])
	}
}

// mixes are the kernels that add weighted rows: none.
func (e *Engine) mixes() [numDTypes]mixKernel { return [numDTypes]mixKernel{} }

// roundInt16 rounds the inputs at x for int16 kernels.
func roundInt16(d DType, dst, x unsafe.Pointer, blocks int) { roundInt16Generic(d, dst, x, blocks) }
