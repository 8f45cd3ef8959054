package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// What the instructions do that not every processor has, in plain Go.

// vdpbf16ps is VDPBF16PS: d += a·b over 16 pairs of bf16.
func vdpbf16ps(d *[16]float32, a, b *[16]uint32) {
	for i := range d {
		d[i] += fromBF16(a[i]>>16) * fromBF16(b[i]>>16)
		d[i] += fromBF16(a[i]) * fromBF16(b[i])
	}
}

// vpdpbusd is VPDPBUSD: d += u·s over 16 fours of bytes, u unsigned, s signed.
func vpdpbusd(d *[16]int32, u, s *[16]uint32) {
	for i := range d {
		for j := 0; j < 32; j += 8 {
			d[i] += int32(uint8(u[i]>>j)) * int32(int8(s[i]>>j))
		}
	}
}

// tile is one of AMX's registers as lanes: up to 16 rows of 16.
type tile [16][16]uint32

func (t *tile) load(p unsafe.Pointer, stride, rows int) {
	for i := range rows {
		t[i] = *(*[16]uint32)(unsafe.Add(p, i*stride))
	}
}

func (t *tile) store(p unsafe.Pointer, stride, rows int) {
	for i := range rows {
		*(*[16]uint32)(unsafe.Add(p, i*stride)) = t[i]
	}
}

// tdpbf16ps is TDPBF16PS: c[m][n] += Σ a[m][k]·b[k][n] over 16 pairs of bf16 k.
func tdpbf16ps(c, a, b *tile, rows int) {
	for m := range rows {
		for k := range 16 {
			for n := range 16 {
				sum := math.Float32frombits(c[m][n])
				sum += fromBF16(a[m][k]) * fromBF16(b[k][n])
				sum += fromBF16(a[m][k]>>16) * fromBF16(b[k][n]>>16)
				c[m][n] = math.Float32bits(sum)
			}
		}
	}
}

func fromBF16(word uint32) float32 { return math.Float32frombits(word << 16) }

// The micro-kernels in these instructions, loads and operands in the order of the assembly.

// emulateVectors is mulF32AVX512, mulBF16AVX512 and mulInt8AVX512: a row at a time, by what a unit of k does.
func emulateVectors(rLanes, vLanes int, unit func(acc *[2][16]float32, r unsafe.Pointer, v func(lane, half int) *[16]uint32)) func(*float32, rowSide, *uint32, int, int, int, bool, *ahead) {
	return func(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, _ *ahead) {
		for row := range rows {
			sums := (*[2][16]float32)(unsafe.Add(unsafe.Pointer(acc), 128*row))
			if first {
				clear(sums[:])
			}
			for k := range units {
				unit(sums, unsafe.Add(r.p, row*r.row+4*rLanes*k), func(lane, half int) *[16]uint32 {
					return (*[16]uint32)(unsafe.Add(unsafe.Pointer(v), 128*(vLanes*k+lane)+64*half))
				})
			}
		}
	}
}

func broadcast(p unsafe.Pointer, lane int) *[16]uint32 {
	var b [16]uint32
	for i := range b {
		b[i] = *(*uint32)(unsafe.Add(p, 4*lane))
	}
	return &b
}

func unitF32(acc *[2][16]float32, r unsafe.Pointer, v func(lane, half int) *[16]uint32) {
	for half := range acc {
		for i, x := range v(0, half) {
			acc[half][i] = float32(math.FMA(float64(*(*float32)(r)), float64(math.Float32frombits(x)), float64(acc[half][i])))
		}
	}
}

func unitBF16(acc *[2][16]float32, r unsafe.Pointer, v func(lane, half int) *[16]uint32) {
	for half := range acc {
		vdpbf16ps(&acc[half], v(0, half), broadcast(r, 0))
	}
}

func unitInt8(acc *[2][16]float32, r unsafe.Pointer, v func(lane, half int) *[16]uint32) {
	for half := range acc {
		var sums [16]int32
		for lane := range 8 {
			vpdpbusd(&sums, v(lane, half), broadcast(r, lane))
		}
		scale, sum := math.Float32frombits(broadcast(r, 8)[0]), math.Float32frombits(broadcast(r, 9)[0])
		d, m := v(8, half), v(9, half)
		for i := range sums {
			acc[half][i] += float32(sums[i]) * (math.Float32frombits(d[i]) * scale)
			acc[half][i] += math.Float32frombits(m[i]) * sum
		}
	}
}

// emulateTiles is mulTilesBF16: groups of 32 rows, sums in tiles 0–3, rows in 4 and 5, panels in 6 and 7.
func emulateTiles(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, _ *ahead) {
	for group := 0; group*32 < rows; group++ {
		sums := unsafe.Add(unsafe.Pointer(acc), 4096*group)
		top, low := min(16, rows-32*group), min(16, rows-32*group-16)
		var t [8]tile
		for i, at := range []int{0, 64, 2048, 2112} {
			n := top
			if i > 1 {
				n = low
			}
			if !first && (i%2 == 0 || cols > 16) {
				t[i].load(unsafe.Add(sums, at), 128, max(n, 0))
			}
		}
		for k := range units / 16 {
			p := unsafe.Add(r.p, group*r.group+k*r.step)
			q := unsafe.Add(unsafe.Pointer(v), 2048*k)
			t[4].load(p, r.row, top)
			t[6].load(q, 128, 16)
			tdpbf16ps(&t[0], &t[4], &t[6], top)
			if cols > 16 {
				t[7].load(unsafe.Add(q, 64), 128, 16)
				tdpbf16ps(&t[1], &t[4], &t[7], top)
			}
			if low > 0 {
				t[5].load(unsafe.Add(p, 16*r.row), r.row, low)
				tdpbf16ps(&t[2], &t[5], &t[6], low)
				if cols > 16 {
					tdpbf16ps(&t[3], &t[5], &t[7], low)
				}
			}
		}
		for i, at := range []int{0, 64, 2048, 2112} {
			n := top
			if i > 1 {
				n = low
			}
			if i%2 == 0 || cols > 16 {
				t[i].store(unsafe.Add(sums, at), 128, max(n, 0))
			}
		}
	}
}

// What packs for the emulated micro-kernels, from the descriptions in kit.

func emulatedTranspose(dst *uint32, dstStride int, src *byte, srcStride, words int) {
	lanes := (words + 1) / 2
	for lane := range roundUp(lanes, 16) {
		for row := range 16 {
			var x uint32
			from := unsafe.Add(unsafe.Pointer(src), row*srcStride+4*lane)
			if 2*lane < words {
				x = uint32(*(*uint16)(from))
			}
			if 2*lane+1 < words {
				x |= uint32(*(*uint16)(unsafe.Add(from, 2))) << 16
			}
			*(*uint32)(unsafe.Add(unsafe.Pointer(dst), lane*dstStride+4*row)) = x
		}
	}
}

func emulatedRowsBF16(dst *uint32, step int, d DType, src *byte, n int) {
	values := make([]float32, roundUp(n, 32))
	Decode(d, values[:n], unsafe.Slice(src, d.RowBytes(n)))
	for i := 0; i < len(values); i += 2 {
		lane := uint32(floatToBF16(values[i])) | uint32(floatToBF16(values[i+1]))<<16
		*(*uint32)(unsafe.Add(unsafe.Pointer(dst), i/32*step+i%32*2)) = lane
	}
}

func emulatedZip(unit int) func(dst *uint32, d DType, src *byte, stride, k, cols int) {
	return func(dst *uint32, d DType, src *byte, stride, k, cols int) {
		lanes := unsafe.Slice(dst, ceilDiv(k, unit)*panel)
		clear(lanes)
		row := make([]float32, cols)
		for i := range k {
			Decode(d, row, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(src), i*stride)), d.RowBytes(cols)))
			for j, x := range row {
				if unit == 1 {
					lanes[i*panel+j] = math.Float32bits(x)
				} else {
					lanes[i/2*panel+j] |= uint32(floatToBF16(x)) << (16 * (i % 2))
				}
			}
		}
	}
}

func emulatedRowsF32(dst *uint32, _ int, d DType, src *byte, n int) {
	Decode(d, unsafe.Slice((*float32)(unsafe.Pointer(dst)), n), unsafe.Slice(src, d.RowBytes(n)))
}

func emulatedActivations(dst *uint32, _ int, _ DType, src *byte, n int) {
	x := unsafe.Slice((*float32)(unsafe.Pointer(src)), n)
	out := unsafe.Slice(dst, n/32*10)
	for b := range n / 32 {
		block, lanes := x[32*b:32*b+32], out[10*b:10*b+10]
		scale := absMax(block) / 127
		var sum int32
		clear(lanes)
		for i, x := range block {
			q := int8(math.RoundToEven(float64(x * (127 / max(absMax(block), 1e-30)))))
			lanes[i/4] |= uint32(uint8(q)) << (8 * (i % 4))
			sum += int32(q)
		}
		lanes[8], lanes[9] = math.Float32bits(scale), math.Float32bits(scale*float32(sum))
	}
}

func emulatedBlocks(dst *uint32, _ int, d DType, src *byte, n int) {
	stored := unsafe.Slice(src, d.RowBytes(n))
	out := unsafe.Slice(dst, n/32*10)
	for b := range n / 32 {
		block, lanes := stored[b*d.BlockBytes():(b+1)*d.BlockBytes()], out[10*b:10*b+10]
		clear(lanes)
		half := func(at int) float32 { return halfToFloat(uint16(block[at]) | uint16(block[at+1])<<8) }
		scale := half(0)
		var least float32
		for i := range 32 {
			var u uint8
			switch d {
			case Q8_0:
				u, least = block[2+i]+128, -128*scale
			case Q4_0:
				u, least = block[2+i%16]>>(i/16*4)&15, -8*scale
			case Q4_1:
				u, least = block[4+i%16]>>(i/16*4)&15, half(2)
			}
			lanes[i/4] |= uint32(u) << (8 * (i % 4))
		}
		lanes[8], lanes[9] = math.Float32bits(scale), math.Float32bits(least)
	}
}

func emulatedStoreT(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool) {
	for i := range rows {
		for j := range cols {
			var b *float32
			if bias != nil {
				b = (*float32)(unsafe.Add(unsafe.Pointer(bias), 4*i))
			}
			storeGeneric((*float32)(unsafe.Add(unsafe.Pointer(c), 4*(j*ldc+i))), ldc, (*float32)(unsafe.Add(unsafe.Pointer(acc), 4*(panel*i+j))), 1, 1, scale, b, add)
		}
	}
}

// emulated are the kits with everything in plain Go: they run anywhere.
var emulated = map[string]*kit{
	"f32": {
		unit: 1, rLanes: 1, vLanes: 1, pad: 1, step: 12, chunk: 64, block: 24, single: 36, least: 12, tasks: 4, direct: F32,
		mul: emulateVectors(1, 1, unitF32), rRows: emulatedRowsF32, vRows: emulatedRowsF32, zip: emulatedZip(1),
		transpose: emulatedTranspose, store: storeGeneric,
	},
	"vdpbf16ps": {
		unit: 2, rLanes: 1, vLanes: 1, pad: 1, step: 12, chunk: 64, block: 24, single: 36, least: 12, tasks: 4, direct: BF16,
		mul: emulateVectors(1, 1, unitBF16), rRows: emulatedRowsBF16, vRows: emulatedRowsBF16, zip: emulatedZip(2),
		transpose: emulatedTranspose, store: storeGeneric,
	},
	"vpdpbusd": {
		unit: 32, rLanes: 10, vLanes: 10, pad: 1, step: 6, chunk: 8, block: 24, single: 36, least: 12, tasks: 4, direct: none,
		mul: emulateVectors(10, 10, unitInt8), rRows: emulatedActivations, vRows: emulatedBlocks,
		transpose: emulatedTranspose, store: storeGeneric,
	},
	"tdpbf16ps": {
		unit: 2, rLanes: 1, vLanes: 1, pad: 16, step: 32, chunk: 32, block: 64, single: 64, least: 32, tasks: 4, direct: BF16, swap: true, tiled: true,
		mul: emulateTiles, rRows: emulatedRowsBF16, vRows: emulatedRowsBF16, zip: emulatedZip(2),
		transpose: emulatedTranspose, store: storeGeneric, storeT: emulatedStoreT,
	},
}

// compute is what a kit is asked for.
func (k *kit) compute() DType { return map[int]DType{1: F32, 2: BF16, 32: Q8_0}[k.unit] }

func (k *kit) run(w Workers, g *Gemm) {
	j := takeJob(Engines()[0], w.Size())
	j.add(g, k, w.Size())
	j.run(w)
	j.free()
}

// TestEmulated multiplies by emulated instructions, with the same planning and packing order as the real ones.
func TestEmulated(t *testing.T) {
	for name, kit := range emulated {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 11))
			for done := 0; done < 60; {
				p := randomProblem(rng, kit.compute())
				whole := p.A.DType == F32 && !p.A.Trans && p.B.DType.BlockLen() == 32 && !p.B.Trans
				if p.M*p.N*p.K <= 1<<20 && (kit.unit != 32 || whole) {
					kit.run(serial{1 + rng.IntN(3)}, &p.Gemm)
					if err := p.check(); err != nil {
						t.Fatalf("%v: %v", p, err)
					}
					done++
				}
				takeDownFences()
			}
		})
	}
}

// TestEmulatedLikeHardware gives the emulated and the real micro-kernels the same operands: where the machine has the
// instructions, they do what the emulators do.
func TestEmulatedLikeHardware(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	for name, real := range realKits() {
		if real == nil {
			t.Logf("NOT RUN: this machine lacks %s", name)
			continue
		}
		fake := emulated[name]
		for round := range 40 {
			units, rows, cols := real.pad*(1+rng.IntN(12)), 1+rng.IntN(70), 1+rng.IntN(panel)
			var l lanes
			r := l.take(roundUp(rows, 32) * real.rowStride(units))
			v := new(lanes).take(real.panelLanes(units) * panel)
			for i := range r {
				r[i] = randomLane(rng, real.unit, i%real.rowStride(units)%real.rLanes)
			}
			for i := range v {
				v[i] = randomLane(rng, real.unit, i/panel%real.vLanes)
			}
			var a ahead
			for i := range a {
				a[i].stop()
			}
			side := real.rowSide(r, real.rowStride(units), 0, 0)
			got, want := make([]float32, roundUp(rows, 16)*panel), make([]float32, roundUp(rows, 16)*panel)
			for i := range got {
				got[i] = float32(rng.NormFloat64())
			}
			copy(want, got)
			real.mul(&got[0], side, &v[0], units, rows, cols, round%2 == 0, &a)
			fake.mul(&want[0], side, &v[0], units, rows, cols, round%2 == 0, &a)
			for i := range rows * panel {
				if i%panel < cols && !(math.Abs(float64(got[i]-want[i])) <= 2e-4*(1+math.Abs(float64(want[i])))) {
					t.Fatalf("%s, %d units, %d rows, %d columns: sum [%d,%d] is %v, emulated %v", name, units, rows, cols, i/panel, i%panel, got[i], want[i])
				}
			}
		}
	}
}

// randomLane is numbers near 1: one f32, two bf16, or four int8 (and the scales behind eight of them).
func randomLane(rng *rand.Rand, unit, lane int) uint32 {
	x := float32(rng.NormFloat64())
	switch {
	case unit == 2:
		return uint32(floatToBF16(x)) | uint32(floatToBF16(float32(rng.NormFloat64())))<<16
	case unit == 32 && lane < 8:
		return rng.Uint32()
	case unit == 32:
		return math.Float32bits(x / 1024)
	}
	return math.Float32bits(x)
}

func ExampleFamily_String() {
	fmt.Println(AVX512BF16)
	// Output: avx512bf16
}
