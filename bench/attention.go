package bench

import (
	"context"
	"math"

	"dragoman/kernel"
)

func init() { Register(Part{Name: "attention", Default: true, Run: attention}) }

// attention measures softmax(Q·Kᵀ)·V as a vision transformer has it on one picture: 257 tokens, 16 heads of 88.
func attention(ctx context.Context, r *Runner) error {
	const tokens, heads, size = 257, 16, 88
	const width = heads * size
	q, k, v, out := Values(tokens*width), Values(tokens*width), Values(tokens*width), make([]float32, tokens*width)
	for _, d := range []kernel.DType{kernel.F32, kernel.BF16} {
		a := &kernel.Attention{
			Batch: 1, Tq: tokens, Heads: heads, KVHeads: heads, D: size, Q: q, QStride: width,
			Segments: []kernel.Segment{{K: kernel.MatF32(k, tokens, width, width), V: kernel.MatF32(v, tokens, width, width), Len: tokens}},
			Scale:    float32(1 / math.Sqrt(size)), Out: out, OutStride: width, Compute: d,
		}
		rec := Record{
			Part: "attention", Bound: "compute", Shape: []int{tokens, tokens, heads, size},
			Flops: 4 * tokens * tokens * width, Bytes: 4 * 4 * tokens * width,
		}
		if err := r.Measure(ctx, rec, d, 1, func() { r.Engine.Attention(r.Workers, a) }); err != nil {
			return err
		}
	}
	return nil
}
