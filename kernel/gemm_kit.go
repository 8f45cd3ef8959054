package kernel

import "unsafe"

// panel is how many rows of the V side lie side by side in a packed panel.
const panel = 32

// kit is one micro-kernel with what packs its operands. A micro-kernel multiplies two sides that it sees as 32-bit lanes
// along k: a lane is one f32, two bf16 or four int8.
//
//	R, the rows side: lanes along k one after another, from which the kernel broadcasts (or which are AMX's A tiles)
//	V, the vector side: panels of 32 rows, [lanes of k][32], of which the kernel loads vectors (or AMX's B tiles)
//
// k is counted in units: the fewest elements that are packed together. An int8 unit is a block of 32 with its scales behind
// the eight lanes of values.
type kit struct {
	unit   int  // elements of k in a unit
	rLanes int  // lanes of a unit on the R side
	vLanes int  // lanes of a unit on the V side
	pad    int  // a chunk of k is padded with zeros to a multiple of this many units
	step   int  // rows of R that the micro-kernel takes at a time; blocks of R are multiples of it
	chunk  int  // most units of k that are contracted before the next are packed, a multiple of whole()
	tiled  bool // R is packed as AMX's tiles: 16 lanes of 32 rows, then the next 16 lanes
	block  int  // most rows of R in a task, if there are several blocks
	single int  // most rows of R that are a single block: then each task packs its own panels of V
	least  int  // fewest rows of R in a task, if there are as many
	tasks  int  // for a worker along V, if there is enough work, so that all end at about the same time
	swap   bool

	// direct says that R is read as it lies where it is stored so, row-major, and k is a multiple of pad units.
	direct DType

	// mul adds R·Vᵀ to acc [rows][32] (or sets it, if first): rows of R rStride bytes apart, one panel of V of which cols
	// columns are wanted, over units of k. While it is at it, it asks for the memory that ahead says.
	mul func(acc *float32, r rowSide, v *uint32, units, rows, cols int, first bool, ahead *ahead)

	// rRows and vRows turn n stored elements along k into lanes, for R and for V (they differ for int8 alone). Every 16 lanes
	// are written step bytes behind the last 16; the last are filled up with zeros if lanes hold several elements.
	rRows, vRows func(dst *uint32, step int, d DType, src *byte, n int)

	// zip turns k stored rows, stride bytes apart, of cols ≤ 32 elements into lanes [units][32]: for operands that are
	// stored with k down the columns. Columns from cols on, and what is missing of the last unit, are zero.
	zip func(dst *uint32, d DType, src *byte, stride, k, cols int)

	// transpose writes dst[lane][row] = src[row][lane] for 16 rows of src; lanes is rounded up to 16 for dst, whose rows
	// from words/2 on are zero. Strides are bytes; a lane is two words of 16 bits, and only words of them are read.
	transpose func(dst *uint32, dstStride int, src *byte, srcStride, words int)

	// turn, where it is not nil, transposes 16 stored rows of k elements as they lie to lanes [k][32], if it has a way to read them
	// so, and says whether it has.
	turn func(dst *uint32, d DType, src *byte, srcStride, k int) bool

	// store moves a finished acc [rows][32] to C: C[row][col] = scale·acc + bias[col], or added to C. storeT is the same for
	// a product computed with its sides swapped: C[col][row] = scale·acc[row][col] + bias[row].
	store, storeT func(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool)

	// stream, where it is not nil, is store of 32 columns past the caches. C and its rows are aligned to 64 bytes.
	stream func(c *float32, ldc int, acc *float32, rows int, scale float32, bias *float32)
}

// none is a kit's direct where R is always packed.
const none = numDTypes

// rowSide is where a micro-kernel finds R: bytes from one row to the next, from 16 lanes of a row to the next 16, and from
// 32 rows to the next 32. The vector kernels read rows of lanes without gaps, whatever step and group say.
type rowSide struct {
	p                unsafe.Pointer
	row, step, group int
}

// whole is how many units are whole blocks of every stored type and whole squares of transpose.
func (k *kit) whole() int {
	if k.unit == 32 {
		return 8
	}
	return 32
}

// panelLanes is how many lanes of k a packed panel of so many units has: whole squares of transpose.
func (k *kit) panelLanes(units int) int { return roundUp(roundUp(units, k.pad)*k.vLanes, 16) }

// rowStride is how many lanes of memory a packed row of R takes.
func (k *kit) rowStride(units int) int {
	lanes := roundUp(roundUp(units, k.pad)*k.rLanes, 16)
	if !k.tiled {
		lanes += 16 // not a power of two, which would crowd a few sets of the cache
	}
	return lanes
}

// place is where a packed row keeps its lanes from lane on (a multiple of 16, if they are tiled).
func (k *kit) place(stride, row, lane int) int {
	if k.tiled {
		return row/32*32*stride + lane*32 + row%32*16
	}
	return row*stride + lane
}

// rowSide is a packed R from a row on (a multiple of 32, if it is tiled) and from a lane on.
func (k *kit) rowSide(mem []uint32, stride, row, lane int) rowSide {
	p := unsafe.Pointer(&mem[k.place(stride, row, lane)])
	if k.tiled {
		return rowSide{p, 64, 2048, 4 * 32 * stride}
	}
	return rowSide{p, 4 * stride, 64, 4 * 32 * stride}
}

// storeGeneric is the reference of kit.store.
func storeGeneric(c *float32, ldc int, acc *float32, rows, cols int, scale float32, bias *float32, add bool) {
	for i := range rows {
		sums := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(acc), 4*panel*i)), cols)
		to := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), 4*ldc*i)), cols)
		for j, sum := range sums {
			x := sum * scale
			if bias != nil {
				x += *(*float32)(unsafe.Add(unsafe.Pointer(bias), 4*j))
			}
			if add {
				x += to[j]
			}
			to[j] = x
		}
	}
}
