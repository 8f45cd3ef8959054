package kernel

import "fmt"

// Attention is scaled dot-product attention over a batch of queries, each with its own choice of keys and values:
//
//	scores[b,h,i,j] = Scale·q[b,i,h]·k[b,j,h/group] + Bias        masked keys get weight exactly 0
//	out[b,i,h]      = Σ_j softmax_j(scores)·v[b,j,h/group]
//
// Heads lie side by side in a row (head h is columns h·D…(h+1)·D); KVHeads divides Heads (grouped queries). The keys of a
// batch of queries are those of its Segments one after another: the queries' own keys before the text's (BLIP-2's
// generation pass), a cache before what is new. A row whose keys are all masked gives zeros.
type Attention struct {
	Batch, Tq         int
	Heads, KVHeads, D int
	Q                 []float32 // [Batch, Tq, Heads·D], rows QStride elements apart
	QStride           int
	Segments          []Segment
	Scale             float32
	KeyMask           []uint8 // nil, or [Batch, Tk]: 0 hides a key from every query
	Mask              []uint8 // nil, or [Batch, Tq, Tk] ([1, Tq, Tk] if MaskShared): 0 hides
	MaskShared        bool
	Causal            bool      // key j ≥ CausalFrom is seen by query i only if j − CausalFrom ≤ i + CausalOffset
	CausalFrom        int       // keys before it are seen by all
	CausalOffset      int       // how many keys from CausalFrom on precede the first query's own
	Bias              []float32 // nil, or [Heads, Tq, Tk], added to the scores
	BiasByDistance    bool      // Bias is [Heads, Tq+Tk−1]: that of query i and key j stands at Tq−1−i+j (T5's relative positions)
	Out               []float32 // [Batch, Tq, Heads·D], rows OutStride elements apart
	OutStride         int
	LSE               []float32 // nil, or [Batch, Heads, Tq]: log Σ exp(scores), kept for the backward (−Inf for a row without keys)
	Probs             []float32 // nil, or [Batch, Heads, Tq, Tk]: the weights themselves, for those who look
	Compute           DType     // F32: nothing rounded; BF16: operands of both products may be rounded to bf16
}

// Segment is a stretch of Len keys and values for each batch of queries. K and V are matrices of stored rows
// (KVHeads·D columns, f32, f16 or bf16): queries b read the Len rows from Index[b]·Pitch on (Index nil: b itself; Pitch 0:
// Len), so that a picture read by five passes is projected once, and a cache may have room for more than it holds.
type Segment struct {
	K, V  Mat
	Len   int
	Pitch int
	Index []int32
}

// Keys is the number of keys each batch of queries sees before masking: the sum of the segments' lengths.
func (a *Attention) Keys() int {
	n := 0
	for i := range a.Segments {
		n += a.Segments[i].Len
	}
	return n
}

// AttentionGrad asks for the gradients of an Attention whose LSE was kept. Gradients are added to what the slices hold;
// where several batches of queries read the same rows of a segment, their gradients are summed there, in the order of b.
type AttentionGrad struct {
	Attention            // as in the forward, with Out and LSE
	DOut      []float32  // like Out
	DQ        []float32  // nil, or like Q
	DK, DV    []GradRows // one a segment; Data nil where no gradient is wanted
}

// GradRows is where the gradient of a segment's keys or values is summed: rows Stride elements apart.
type GradRows struct {
	Data   []float32
	Stride int
}

// check panics where an attention's shapes do not fit together: the programmer's mistake.
func (a *Attention) check() {
	switch {
	case a.KVHeads <= 0 || a.Heads%a.KVHeads != 0:
		panic(fmt.Sprintf("kernel: attention with %d heads over %d of keys", a.Heads, a.KVHeads))
	case a.QStride < a.Heads*a.D || a.OutStride < a.Heads*a.D:
		panic(fmt.Sprintf("kernel: attention rows of %d and %d elements for %d heads of %d", a.QStride, a.OutStride, a.Heads, a.D))
	}
	keys := a.Keys()
	for _, m := range [...]struct {
		name       string
		have, want int
	}{
		{"key mask", len(a.KeyMask), a.Batch * keys},
		{"mask", len(a.Mask), a.masks() * a.Tq * keys},
		{"bias", len(a.Bias), a.Heads * a.biasLen(keys)},
		{"log-sum-exp", len(a.LSE), a.Batch * a.Heads * a.Tq},
		{"weights", len(a.Probs), a.Batch * a.Heads * a.Tq * keys},
	} {
		if m.have != 0 && m.have < m.want {
			panic(fmt.Sprintf("kernel: attention %s of %d for a batch of %d, %d queries, %d keys: %d", m.name, m.have, a.Batch, a.Tq, keys, m.want))
		}
	}
	for i := range a.Segments {
		s := &a.Segments[i]
		if s.K.Cols != a.KVHeads*a.D || s.V.Cols != s.K.Cols {
			panic(fmt.Sprintf("kernel: attention segment %d has rows of %d and %d for %d heads of %d", i, s.K.Cols, s.V.Cols, a.KVHeads, a.D))
		}
		if s.Index != nil && len(s.Index) < a.Batch {
			panic(fmt.Sprintf("kernel: attention segment %d has an index of %d for a batch of %d", i, len(s.Index), a.Batch))
		}
	}
}

// biasLen is how many values of Bias a head has.
func (a *Attention) biasLen(keys int) int {
	if a.BiasByDistance {
		return a.Tq + keys - 1
	}
	return a.Tq * keys
}

// BiasRow is the part that belongs to query i in head h of x, which lies as Bias does: one value a key.
func (a *Attention) BiasRow(x []float32, h, i, keys int) []float32 {
	at := h * a.biasLen(keys)
	if a.BiasByDistance {
		at += a.Tq - 1 - i
	} else {
		at += i * keys
	}
	return x[at : at+keys]
}

func (a *Attention) masks() int {
	if a.MaskShared {
		return 1
	}
	return a.Batch
}

// first is the first row of the segment that queries b read.
func (s *Segment) first(b int) int {
	if s.Index != nil {
		b = int(s.Index[b])
	}
	if s.Pitch != 0 {
		return b * s.Pitch
	}
	return b * s.Len
}

// maskRow sets the scores of the keys that query i of batch b does not see to −Inf.
func (a *Attention) maskRow(scores []float32, b, i int) {
	keys := len(scores)
	if a.Causal {
		if from := a.CausalFrom + max(i+a.CausalOffset+1, 0); from < keys {
			fill(scores[from:], negInf)
		}
	}
	if a.KeyMask != nil {
		hide(scores, a.KeyMask[b*keys:])
	}
	if a.Mask != nil {
		if a.MaskShared {
			b = 0
		}
		hide(scores, a.Mask[(b*a.Tq+i)*keys:])
	}
}

func hide(scores []float32, mask []uint8) {
	for j, m := range mask[:len(scores)] {
		if m == 0 {
			scores[j] = negInf
		}
	}
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}
