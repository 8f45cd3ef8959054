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

// relativeBiasOp looks up a bias for each pair of positions; it keeps the bucket of each distance.
type relativeBiasOp struct {
	table, y *Tensor
	bucket   []int // of a key at distance i − (Tq − 1 + first) from its query
	tq, tk   int
}

// RelativeBias is the bias [heads, tq, tk] of attention scores between queries at positions first…first+tq−1 and keys at
// 0…tk−1, by the bucket of their distance: table [buckets, heads].
func (r *Run) RelativeBias(table *Tensor, b Buckets, tq, tk, first int) *Tensor {
	buckets, heads := table.Rows(), table.Dim(-1)
	if len(table.shape) != 2 || buckets < 2 || b.Ahead && buckets < 4 || tq < 1 || tk < 1 || first < 0 || b.Far <= buckets/2 {
		panic(fmt.Sprintf("tensor: bias of %d queries from %d on and %d keys by distance, table %v, far %d", tq, first, tk, table.shape, b.Far))
	}
	o := op[relativeBiasOp](r)
	o.table, o.tq, o.tk, o.y = table, tq, tk, r.New(heads, tq, tk)
	o.bucket = r.ints.take(tq + tk - 1)
	for i := range o.bucket {
		o.bucket[i] = b.bucket(i-(tq-1+first), buckets)
	}
	rows := table.floats()
	for h := range heads {
		for i := range tq {
			to := o.y.data[(h*tq+i)*tk:][:tk]
			for j, n := range o.bucket[tq-1-i:][:tk] {
				to[j] = rows[n*heads+h]
			}
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
	heads := o.table.Dim(-1)
	for h := range heads {
		for i := range o.tq {
			for j, n := range o.bucket[o.tq-1-i:][:o.tk] {
				dt[n*heads+h] += dy[(h*o.tq+i)*o.tk+j]
			}
		}
	}
}
