//go:build amd64 && !purego

package kernel

import "unsafe"

// fused is the micro-kernel that attention computes with.
func (e *Engine) fused(compute DType) *kit {
	k := e.kit(&Gemm{Compute: compute})
	if k == nil || k.unit > 2 || e.family < AVX2 {
		return nil
	}
	return k
}

//lint:file-ignore U1000 The assembly reads the coefficients.

// Coefficients of 2^f for 0 ≤ f < 1, minimax fits: relative errors 2e-9 and 8e-5.
var (
	exp2Degree6 = [7]float32{
		1, 0.6931470036506653, 0.24022983014583588, 0.055483341217041016, 0.009678840637207031, 0.0012439688434824347, 0.00021702256344724447,
	}
	exp2Degree3 = [4]float32{0.9999252557754517, 0.6958334445953369, 0.22606723010540009, 0.07802452892065048}
)

// columnNumbers are those of a panel.
var columnNumbers = [panel]int32{
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
}

// softmaxRows is softmaxPanels; weights are float32, or bf16 where the kit's lanes are.
func (e *Engine) softmaxRows(k *kit, b *softmaxBlock) {
	switch {
	case e.family < AVX512:
		softmaxF32AVX2(b)
	case k.unit == 2:
		softmaxBF16AVX512(b)
	default:
		softmaxF32AVX512(b)
	}
}

//go:noescape
func softmaxF32AVX2(b *softmaxBlock)

//go:noescape
func softmaxF32AVX512(b *softmaxBlock)

//go:noescape
func softmaxBF16AVX512(b *softmaxBlock)

// maskScores is maskPanels.
func (e *Engine) maskScores(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8) {
	if e.family < AVX512 {
		e.maskScoresEights(acc, step, cols, scale, bias, mask, keyMask)
		return
	}
	maskScoresAVX512(acc, step, cols, scale, bias, mask, keyMask)
}

// maskScoresEights leaves the columns that fill no vector to the other loops: a bias and a mask end with them.
func (e *Engine) maskScoresEights(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8) {
	whole := cols &^ 7
	maskScoresAVX2(acc, step, whole, scale, bias, mask, keyMask)
	if whole == cols {
		return
	}
	acc = (*float32)(unsafe.Add(unsafe.Pointer(acc), whole/panel*step+whole%panel*4))
	if bias != nil {
		bias = (*float32)(unsafe.Add(unsafe.Pointer(bias), 4*whole))
	}
	for _, m := range [2]**uint8{&mask, &keyMask} {
		if *m != nil {
			*m = (*uint8)(unsafe.Add(unsafe.Pointer(*m), whole))
		}
	}
	e.loops().maskPanels(acc, step, cols-whole, scale, bias, mask, keyMask)
}

//go:noescape
func maskScoresAVX2(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8)

//go:noescape
func maskScoresAVX512(acc *float32, step, cols int, scale float32, bias *float32, mask, keyMask *uint8)

// storeScaled is storePanel.
func (e *Engine) storeScaled(out *float32, stride int, acc *float32, rows, cols int, scales *float32) {
	switch {
	case e.family < AVX512 && cols%8 == 0:
		storeScaledAVX2(out, stride, acc, rows, cols, scales)
		return
	case e.family < AVX512:
		e.loops().storePanel(out, stride, acc, rows, cols, scales)
		return
	}
	storeScaledAVX512(out, stride, acc, rows, cols, scales)
}

//go:noescape
func storeScaledAVX2(out *float32, stride int, acc *float32, rows, cols int, scales *float32)

//go:noescape
func storeScaledAVX512(out *float32, stride int, acc *float32, rows, cols int, scales *float32)

// slopeRows is slopePanels; its results are lanes of float32 or of bf16.
func (e *Engine) slopeRows(k *kit, b *slopeBlock) {
	switch {
	case e.family < AVX512:
		slopesF32AVX2(b)
	case k.unit == 2:
		slopesBF16AVX512(b)
	default:
		slopesF32AVX512(b)
	}
}

//go:noescape
func slopesF32AVX2(b *slopeBlock)

//go:noescape
func slopesF32AVX512(b *slopeBlock)

//go:noescape
func slopesBF16AVX512(b *slopeBlock)

// mulPanels sets the sums of panel n, accStep lanes from one to the next, to rows of R times panel n of V, vSize lanes from one to the
// next: enough panels for cols columns. AMX's tiles are set up once for all of them.
func mulPanels(k *kit, acc *uint32, accStep int, r rowSide, v *uint32, vSize, units, rows, cols int, a *ahead) {
	if k == &tilesBF16 && rows <= panel {
		tilePanels((*float32)(unsafe.Pointer(acc)), 4*accStep, r.p, r.row, v, 4*vSize, units, rows, cols, tileShapes)
		return
	}
	for n := 0; n*panel < cols; n++ {
		sums := unsafe.Add(unsafe.Pointer(acc), 4*n*accStep)
		k.mul((*float32)(sums), r, (*uint32)(unsafe.Add(unsafe.Pointer(v), 4*n*vSize)), units, rows, min(panel, cols-n*panel), true, a)
	}
}

//go:noescape
func tilePanels(acc *float32, accStep int, r unsafe.Pointer, rStride int, v *uint32, vStep, units, rows, cols int, shapes *[33][64]byte)
