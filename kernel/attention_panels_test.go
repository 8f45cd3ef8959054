package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// The elementwise loops between attention's products against the Go loops, at sizes that fill no vector and no panel.
func TestAttentionPanelsMatchGeneric(t *testing.T) {
	for _, e := range Engines() {
		kit := e.fused(F32)
		if kit == nil {
			continue
		}
		r := rand.New(rand.NewPCG(5, 5))
		for _, keys := range []int{1, 7, 8, 31, 32, 33, 40, 95, 96, 257} {
			t.Run(fmt.Sprintf("%v/%d", e.Family(), keys), func(t *testing.T) {
				testSoftmaxPanels(t, r, e, kit, keys)
				testMaskPanels(t, r, e, keys)
				testSlopePanels(t, r, e, kit, keys)
			})
		}
		for cols := 1; cols <= panel; cols++ {
			testStorePanel(t, r, e, cols)
		}
	}
}

func testSoftmaxPanels(t *testing.T, r *rand.Rand, e *Engine, kit *kit, keys int) {
	t.Helper()
	const rows = 19
	panels := ceilDiv(keys, panel) + 1 // the last is all zeros
	step, ld := panelStep(rows), panels*panel+16
	scores := normal(r, 30)
	acc := newGuarded(panels*step, 0).of(scores).x
	visible := make([]int32, roundUp(rows, 16))
	for i := range rows {
		visible[i] = int32(r.IntN(keys + 1))
		acc[i*panel+r.IntN(min(keys, panel))] = negInf
	}
	visible[3], visible[4] = int32(keys), 0
	for i := range keys { // a row of which nothing is left
		acc[i/panel*step+3*panel+i%panel] = negInf
	}
	acc[5*panel], visible[5] = float32(math.NaN()), int32(keys)
	for i, large := range []float32{3e38, 2.9e38, 1.7e30, 7.3e20} {
		acc[(6+i)*panel], visible[6+i] = large, int32(keys)
	}
	type result struct{ weights, top, sum guarded }
	var results [2]result
	for i := range results {
		mine := append([]float32(nil), acc...)
		out := result{newGuarded(rows*ld, 3), newGuarded(roundUp(rows, 16), 1), newGuarded(roundUp(rows, 16), 2)}
		spare := make([]float32, 16*roundUp(rows, 16))
		b := &softmaxBlock{
			acc: unsafe.Pointer(&mine[0]), step: 4 * step, rows: rows, visible: &visible[0], weights: unsafe.Pointer(&out.weights.x[0]),
			stride: 4 * ld, panels: panels, top: &out.top.x[0], sum: &out.sum.x[0], spare: &spare[0], scale: 0.125 * math.Log2E,
		}
		if i == 0 {
			e.softmaxRows(kit, b)
		} else {
			genericLoops.softmaxPanels(b)
		}
		results[i] = out
	}
	got, want := results[0], results[1]
	got.weights.check(t, "weights")
	got.top.check(t, "maxima")
	got.sum.check(t, "sums")
	for i := range rows {
		if i != 5 {
			compare(t, fmt.Sprint("maximum of row ", i), got.top.x[i:i+1], want.top.x[i:i+1], 1e-6)
		}
		compare(t, fmt.Sprint("sum of row ", i), got.sum.x[i:i+1], want.sum.x[i:i+1], 1e-6)
		compare(t, fmt.Sprint("weights of row ", i), got.weights.x[i*ld:][:panels*panel], want.weights.x[i*ld:][:panels*panel], 1e-6)
		for c := int(visible[i]); c < panels*panel; c++ {
			if w := got.weights.x[i*ld+c]; w != 0 {
				t.Fatalf("row %d: the weight of key %d, which is hidden, is %g", i, c, w)
			}
		}
	}
}

func testMaskPanels(t *testing.T, r *rand.Rand, e *Engine, keys int) {
	t.Helper()
	step := panelStep(1)
	for kind := range 8 {
		got := newGuarded(ceilDiv(keys, panel)*step, 1).of(normal(r, 1))
		want := append([]float32(nil), got.x...)
		var bias *float32
		var mask, keyMask *uint8
		if kind&1 != 0 {
			bias = &newGuarded(keys, 0).of(normal(r, 1)).x[0]
		}
		if kind&2 != 0 {
			mask = &bits(r, keys)[0]
		}
		if kind&4 != 0 {
			keyMask = &bits(r, keys)[0]
		}
		e.maskScores(&got.x[0], 4*step, keys, 0.3, bias, mask, keyMask)
		genericLoops.maskPanels(&want[0], 4*step, keys, 0.3, bias, mask, keyMask)
		got.check(t, "masked scores")
		for i := range keys {
			at := i/panel*step + i%panel
			compare(t, fmt.Sprint("masked score ", i), got.x[at:at+1], want[at:at+1], 1e-6)
		}
	}
}

// bits are bytes that are 0 as often as not; no number lies behind them.
func bits(r *rand.Rand, n int) []uint8 {
	b := fenced(n, true)
	for i := range b {
		b[i] = uint8(r.IntN(2) * (1 + r.IntN(255)))
	}
	return b
}

func testStorePanel(t *testing.T, r *rand.Rand, e *Engine, cols int) {
	t.Helper()
	const rows, stride = 5, 47
	acc, scales := newGuarded(rows*panel, 0).of(normal(r, 1)), newGuarded(rows, 0).of(normal(r, 1))
	got := newGuarded((rows-1)*stride+cols, 1).of(normal(r, 1))
	want := append([]float32(nil), got.x...)
	e.storeScaled(&got.x[0], 4*stride, &acc.x[0], rows, cols, &scales.x[0])
	genericLoops.storePanel(&want[0], 4*stride, &acc.x[0], rows, cols, &scales.x[0])
	got.check(t, "stored panel")
	compare(t, fmt.Sprintf("stored panel of %d columns", cols), got.x, want, 0)
}

func testSlopePanels(t *testing.T, r *rand.Rand, e *Engine, kit *kit, rows int) {
	t.Helper()
	const ld = panel + 16
	scores, dweights := newGuarded(rows*panel, 0).of(normal(r, 20)), newGuarded(rows*panel, 0).of(normal(r, 1))
	lse, delta := newGuarded(panel, 0).of(normal(r, 1)), newGuarded(panel, 0).of(normal(r, 1))
	for i := range lse.x {
		lse.x[i] += 20
	}
	lse.x[9] = float32(math.Inf(1)) // a query that saw nothing
	scores.x[11] = negInf
	var results [2][3]guarded
	for i := range results {
		grads, weights, dscores := newGuarded(rows*panel, 0), newGuarded(rows*ld, 1), newGuarded(rows*ld, 2)
		copy(grads.x, dweights.x)
		b := &slopeBlock{
			scores: unsafe.Pointer(&scores.x[0]), dweights: unsafe.Pointer(&grads.x[0]), weights: unsafe.Pointer(&weights.x[0]),
			dscores: unsafe.Pointer(&dscores.x[0]), stride: 4 * ld, rows: rows, lse: &lse.x[0], delta: &delta.x[0], scale: 0.25, scale2: 0.25 * math.Log2E,
		}
		if i == 0 {
			e.slopeRows(kit, b)
		} else {
			genericLoops.slopePanels(b)
		}
		results[i] = [3]guarded{grads, weights, dscores}
	}
	for i, what := range []string{"slopes", "weights", "packed slopes"} {
		got, want := results[0][i], results[1][i]
		got.check(t, what)
		width := len(got.x) / rows
		for row := range rows {
			compare(t, what, got.x[row*width:][:panel], want.x[row*width:][:panel], 1e-6)
		}
	}
}
