package tensor

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Rope says how rotary positions turn the first Dim columns of every head: pair i turns by position·Base^(−2i/Dim); pairs are
// (i, i+Dim/2), or (2i, 2i+1) if Interleaved.
type Rope struct {
	Dim         int
	Base        float32
	Interleaved bool
	Stretch     Stretch
}

// rotaryOp turns pairs of columns; it keeps the positions.
type rotaryOp struct {
	x, y      *Tensor
	positions []int32
	heads     int
	rope      Rope
	turns     []float32 // see turnTable
}

// Rotary turns x [B, T, heads·d]; positions has B·T entries, from 0. They must stay as they are until the backward pass is over.
func (r *Run) Rotary(x *Tensor, positions []int32, heads int, rope Rope) *Tensor {
	d := x.Dim(-1) / max(1, heads)
	if len(positions) != x.Rows() || d*heads != x.Dim(-1) || rope.Dim > d || rope.Dim%2 != 0 {
		panic(fmt.Sprintf("tensor: rotation of %v with %d positions, %d heads, %+v", x.shape, len(positions), heads, rope))
	}
	last := int32(0)
	for _, p := range positions {
		if p < 0 {
			panic(fmt.Sprintf("tensor: rotation by position %d", p))
		}
		last = max(last, p)
	}
	o := op[rotaryOp](r)
	o.x, o.y, o.positions, o.heads, o.rope = x, r.like(x), positions, heads, rope
	if key := rope.key(int(last) + 1); r.turnsOf != key || len(r.turns) < (int(last)+1)*rope.Dim {
		r.turns, r.turnsOf = turnTable(key, int(last)), key
	}
	o.turns = r.turns
	r.each(x.Rows(), 2*x.Dim(-1), o)
	if r.wants(x) {
		r.record(o)
	}
	return o.y
}

func (o *rotaryOp) span(_ *Run, _, from, to int) {
	n := o.x.Dim(-1)
	for i := from; i < to; i++ {
		o.turn(o.y.data[i*n:(i+1)*n], o.x.data[i*n:(i+1)*n], i, 1, false)
	}
}

// turn turns a row by its position, or back (sign −1), and sets or adds to dst.
func (o *rotaryOp) turn(dst, x []float32, row int, sign float32, add bool) {
	d, half := len(x)/o.heads, o.rope.Dim/2
	p := int(o.positions[row]) * 2 * half
	cos, sin := o.turns[p:p+half], o.turns[p+half:p+2*half]
	for h := 0; h < len(x); h += d {
		x, dst := x[h:h+d], dst[h:h+d]
		if add {
			for j := o.rope.Dim; j < d; j++ {
				dst[j] += x[j]
			}
		} else {
			copy(dst[o.rope.Dim:], x[o.rope.Dim:])
		}
		step, other := 1, half
		if o.rope.Interleaved {
			step, other = 2, 1
		}
		for j := range half {
			a, b := j*step, j*step+other
			c, s := cos[j], sign*sin[j]
			u, v := x[a]*c-x[b]*s, x[b]*c+x[a]*s
			if add {
				u, v = u+dst[a], v+dst[b]
			}
			dst[a], dst[b] = u, v
		}
	}
}

func (o *rotaryOp) result() *Tensor { return o.y }

func (o *rotaryOp) backward(r *Run, dy []float32) {
	dx, fresh := r.grad(o.x)
	n := o.x.Dim(-1)
	for i := range o.positions {
		o.turn(dx[i*n:(i+1)*n], dy[i*n:(i+1)*n], i, -1, !fresh)
	}
}

// Tables of the cosines and sines of each Rope in use, for as many positions as were asked for.
var (
	turnTables  sync.Map // turnKey → *atomic.Pointer[[]float32]
	turnTableMu sync.Mutex
	turnKeys    int // how many tables were begun
)

// maxTurnTables is how many are kept: whoever opens model after model meets more kinds of Rope than are in use.
const maxTurnTables = 32

// turnKey is what a table depends on: pairs turn alike wherever they stand.
type turnKey struct {
	rope   Rope // Interleaved is false
	length int  // of the text, where that matters; 0
}

// key is what the table depends on for a text of so many positions.
func (r Rope) key(length int) turnKey {
	r.Interleaved = false
	return turnKey{r, r.Stretch.length(length)}
}

// turnTable is, for each position from 0 to at least last, Dim/2 cosines and as many sines. Angles are float32 products of
// position and float32 frequency, as the Python implementations have them.
func turnTable(key turnKey, last int) []float32 {
	if key.rope.Stretch.Kind == StretchDynamic && key.length > 0 {
		return newTurns(key, last+1) // every length has its own
	}
	if p, ok := turnTables.Load(key); ok {
		if t := p.(*atomic.Pointer[[]float32]).Load(); t != nil && len(*t) >= (last+1)*key.rope.Dim {
			return *t
		}
	}
	turnTableMu.Lock()
	defer turnTableMu.Unlock()
	p, ok := turnTables.Load(key)
	if !ok {
		if turnKeys++; turnKeys > maxTurnTables {
			turnTables.Clear()
			turnKeys = 1
		}
		p = new(atomic.Pointer[[]float32])
		turnTables.Store(key, p)
	}
	table := p.(*atomic.Pointer[[]float32])
	count := 256
	for count <= last {
		count *= 2
	}
	t := newTurns(key, count)
	if old := table.Load(); old == nil || len(*old) < len(t) {
		table.Store(&t)
	}
	return t
}

func newTurns(key turnKey, count int) []float32 {
	rope := key.rope
	half := rope.Dim / 2
	t := make([]float32, count*rope.Dim)
	loud := rope.Stretch.loud()
	for j := range half {
		frequency := rope.frequency(j, key.length)
		for p := range count {
			sin, cos := math.Sincos(float64(float32(p) * frequency))
			t[p*rope.Dim+j], t[p*rope.Dim+half+j] = float32(cos)*loud, float32(sin)*loud
		}
	}
	return t
}
