package tensor

import (
	"fmt"
	"math"

	"dragoman/kernel"
)

// KV is a stretch of keys and values that attention reads: [rows, len, kvHeads·d] each, float32 or stored (a bf16 cache).
// Queries b read row Index[b] (nil: b), and gradients of rows read twice are summed.
type KV struct {
	K, V  *Tensor
	Index []int32
	Len   int // how many of a row's keys count; 0: all (a cache has room for more than it holds)
}

// KVs makes the list of stretches for AttentionArgs in the run's memory, where a literal would be garbage.
func (r *Run) KVs(kvs ...KV) []KV {
	list := r.kvs.take(len(kvs))
	copy(list, kvs)
	return list
}

// AttentionArgs are the arguments of Attention; see kernel.Attention for what each means. All slices must stay as they are until
// the backward pass is over.
type AttentionArgs struct {
	Q              *Tensor // [B, Tq, heads·d]
	KV             []KV
	Heads, KVHeads int     // KVHeads 0: Heads
	Scale          float32 // 0: 1/√d
	KeyMask        []uint8 // [B, Tk]
	Mask           []uint8 // [B or 1, Tq, Tk]
	Causal         bool
	CausalFrom     int
	CausalOffset   int
	Bias           *Tensor // nil, or [heads, Tq, Tk] or by distance [heads, Tq+Tk−1], added to the scores of every batch
	Dropout        float32 // of the weights, in training
	Path           string  // under which an observer may ask for the map: Path + ".attention_probs"

	stride int // elements from one row of queries, keys and values to the next; 0: they are dense
}

// attentionOp keeps the operands, the result, and log Σ exp of every row of scores, from which the backward computes the
// weights again. Under dropout of the weights, or where the bias learns, it keeps the weights.
type attentionOp struct {
	y    *Tensor
	q    *Tensor
	kv   []KV
	bias *Tensor
	args kernel.Attention
	grad kernel.AttentionGrad
	draw draw // of dropout, if draw.keep is not 0

	dBias []float32 // nil, or where the bias's gradient is summed
}

// Attention is multi-head scaled dot-product attention: [B, Tq, heads·d].
func (r *Run) Attention(a AttentionArgs) *Tensor {
	o := op[attentionOp](r)
	o.q, o.kv, o.bias = a.Q, a.KV, a.Bias
	o.args.Segments = r.segments.take(len(a.KV))[:0]
	o.prepare(&a, r.opt.Compute)
	o.y = r.like(a.Q)
	k := &o.args
	k.Out, k.OutStride = o.y.data, a.Q.Dim(-1)
	record := r.wants(a.Q, a.Bias)
	for i := range a.KV {
		record = record || r.wants(a.KV[i].K, a.KV[i].V)
	}
	if record {
		k.LSE = r.arena.alloc(k.Batch * k.Heads * k.Tq)
	}
	var probs *Tensor
	path := ""
	if r.opt.Observer != nil && a.Path != "" {
		path = a.Path + ".attention_probs"
	}
	watched := path != "" && r.opt.Observer.WantsMap(path)
	drop := r.opt.Train && a.Dropout > 0
	if watched || drop || r.wants(a.Bias) {
		probs = r.New(k.Batch, k.Heads, k.Tq, k.Keys())
		k.Probs = probs.data
	}
	r.eng.Attention(r.pool, k)
	if watched {
		r.opt.Observer.Map(path, probs)
	}
	if drop {
		o.draw = r.nextDraw(a.Dropout)
		r.each(k.Batch, k.Tq*k.Keys()*a.Q.Dim(-1), (*attentionDropout)(o))
	}
	if record {
		r.record(o)
	}
	return o.y
}

// SelfAttention is Attention to a row's own keys and values, which stand behind its queries: qkv [B, T, 3·heads·d] to [B, T, heads·d].
// Unless a gradient is wanted they are read where they stand.
func (r *Run) SelfAttention(qkv *Tensor, a AttentionArgs) *Tensor {
	width := qkv.Dim(-1) / 3
	part := func(i int) *Tensor {
		if r.wants(qkv) {
			return r.Slice(qkv, 2, i*width, (i+1)*width)
		}
		t := r.view(qkv.shape)
		t.shape[2] = width
		t.data = qkv.data[i*width:]
		return t
	}
	a.Q, a.KV = part(0), r.KVs(KV{K: part(1), V: part(2)})
	if !r.wants(qkv) {
		a.stride = 3 * width
	}
	return r.Attention(a)
}

// prepare checks the shapes and fills in what the kernel is told.
func (o *attentionOp) prepare(a *AttentionArgs, compute kernel.DType) {
	if len(a.Q.shape) != 3 || a.Heads <= 0 || a.Q.shape[2]%a.Heads != 0 {
		panic(fmt.Sprintf("tensor: attention of queries %v with %d heads", a.Q.shape, a.Heads))
	}
	kvHeads := a.KVHeads
	if kvHeads == 0 {
		kvHeads = a.Heads
	}
	batch, tq, d := a.Q.shape[0], a.Q.shape[1], a.Q.shape[2]/a.Heads
	segments := o.args.Segments[:0]
	for _, kv := range a.KV {
		k, v := kv.K.shape, kv.V.shape
		ok := len(k) == 3 && len(v) == 3 && k[0] == v[0] && k[1] == v[1] && k[2] == kvHeads*d && v[2] == k[2] && a.Heads%kvHeads == 0 &&
			kv.Len >= 0 && kv.Len <= k[1]
		if kv.Index == nil {
			ok = ok && k[0] == batch
		} else {
			ok = ok && len(kv.Index) == batch
			for _, i := range kv.Index {
				ok = ok && i >= 0 && int(i) < k[0]
			}
		}
		length := k[1]
		if kv.Len != 0 {
			length, ok = kv.Len, ok && kv.Len <= k[1]
		}
		if !ok {
			panic(fmt.Sprintf("tensor: attention of queries %v (%d heads) to keys %v and values %v (%d heads, index %v)",
				a.Q.shape, a.Heads, k, v, kvHeads, kv.Index))
		}
		segments = append(segments, kernel.Segment{K: kv.K.Mat(), V: kv.V.Mat(), Len: length, Pitch: k[1], Index: kv.Index})
	}
	o.args = kernel.Attention{
		Batch: batch, Tq: tq, Heads: a.Heads, KVHeads: kvHeads, D: d,
		Q: a.Q.data, QStride: a.Q.shape[2], Segments: segments, Scale: a.Scale,
		KeyMask: a.KeyMask, Mask: a.Mask, Causal: a.Causal, CausalFrom: a.CausalFrom, CausalOffset: a.CausalOffset,
		Bias: a.Bias.floats(), Compute: compute,
	}
	k := &o.args
	if a.stride > 0 {
		k.QStride = a.stride
		for i := range segments {
			segments[i].K.Stride, segments[i].V.Stride = 4*a.stride, 4*a.stride
		}
	}
	if k.Scale == 0 {
		k.Scale = float32(1 / math.Sqrt(float64(d)))
	}
	pairs := tq * k.Keys()
	biasLen := pairs
	if k.BiasByDistance = a.Bias != nil && len(a.Bias.shape) == 2; k.BiasByDistance {
		biasLen = tq + k.Keys() - 1
	}
	k.MaskShared = a.Mask != nil && len(a.Mask) == pairs && batch > 1
	if a.KeyMask != nil && len(a.KeyMask) != batch*k.Keys() ||
		a.Mask != nil && len(a.Mask) != batch*pairs && !k.MaskShared ||
		a.Bias != nil && a.Bias.Len() != a.Heads*biasLen {
		panic(fmt.Sprintf("tensor: attention of queries %v to %d keys with %d values in the key mask, %d in the mask, bias %v",
			a.Q.shape, k.Keys(), len(a.KeyMask), len(a.Mask), shapeOf(a.Bias)))
	}
}

func (o *attentionOp) result() *Tensor { return o.y }

func (o *attentionOp) backward(r *Run, dy []float32) {
	g := &o.grad
	g.Attention, g.DOut = o.args, dy
	g.DQ = r.addGrad(o.q)
	g.DK, g.DV = r.gradRows.take(len(o.kv))[:0], r.gradRows.take(len(o.kv))[:0]
	for _, kv := range o.kv {
		stride := kv.K.Dim(-1)
		g.DK = append(g.DK, kernel.GradRows{Data: r.addGrad(kv.K), Stride: stride})
		g.DV = append(g.DV, kernel.GradRows{Data: r.addGrad(kv.V), Stride: stride})
	}
	o.dBias = r.addGrad(o.bias)
	if o.draw.keep != 0 || o.dBias != nil {
		o.weightsBackward(r)
	} else {
		g.Probs = nil
		r.eng.AttentionBackward(r.pool, g)
	}
	r.arena.free(o.args.LSE)
	o.args.LSE = nil
}
