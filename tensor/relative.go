package tensor

import (
	"fmt"
	"math"
)

// Buckets says how T5 (Raffel et al. 2020, section 2.1) sorts the distance from a query to a key into a few buckets, each with a
// learned bias a head: near distances have a bucket each, far ones share buckets that grow with the logarithm up to Far, and all
// beyond are alike.
type Buckets struct {
	Far   int  // the distance from which on all are in the last bucket
	Ahead bool // keys behind the query have half of the buckets; otherwise those are all in the bucket of distance 0
}

// bucket is where a key at distance rp from its query (key − query) belongs among n.
func (b Buckets) bucket(rp, n int) int {
	base := 0
	if b.Ahead {
		n /= 2
		if rp > 0 {
			base = n
		} else {
			rp = -rp
		}
	} else {
		rp = max(-rp, 0)
	}
	exact := n / 2
	if rp < exact {
		return base + rp
	}
	// In float32, as the reference has it: at the borders of the buckets rounding decides.
	steps := float32(math.Log(float64(float32(rp)/float32(exact)))) / float32(math.Log(float64(b.Far)/float64(exact))) * float32(n-exact)
	return base + min(exact+int(steps), n-1)
}

// relativeBiasOp looks up a bias for each distance; it keeps the bucket of each.
type relativeBiasOp struct {
	table, y *Tensor
	bucket   []int
}

// RelativeBias is the bias by distance [heads, tq+tk−1] of attention between queries at positions first…first+tq−1 and keys at 0…tk−1,
// as AttentionArgs takes it; table is [buckets, heads].
func (r *Run) RelativeBias(table *Tensor, b Buckets, tq, tk, first int) *Tensor {
	buckets, heads := table.Rows(), table.Dim(-1)
	if len(table.shape) != 2 || buckets < 2 || b.Ahead && buckets < 4 || tq < 1 || tk < 1 || first < 0 || b.Far <= buckets/2 {
		panic(fmt.Sprintf("tensor: bias of %d queries from %d on and %d keys by distance, table %v, far %d", tq, first, tk, table.shape, b.Far))
	}
	distances := tq + tk - 1
	o := op[relativeBiasOp](r)
	o.table, o.y = table, r.New(heads, distances)
	o.bucket = r.ints.take(distances)
	rows := table.floats()
	for i := range distances {
		n := b.bucket(i-(tq-1+first), buckets)
		o.bucket[i] = n
		for h, x := range rows[n*heads : (n+1)*heads] {
			o.y.data[h*distances+i] = x
		}
	}
	if r.wants(table) {
		r.record(o)
	}
	return o.y
}

func (o *relativeBiasOp) result() *Tensor { return o.y }

func (o *relativeBiasOp) backward(r *Run, dy []float32) {
	dt := r.addGrad(o.table)
	heads, distances := o.table.Dim(-1), len(o.bucket)
	for i, n := range o.bucket {
		for h := range heads {
			dt[n*heads+h] += dy[h*distances+i]
		}
	}
}
