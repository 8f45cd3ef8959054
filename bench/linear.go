package bench

import (
	"context"

	"dragoman/kernel"
)

func init() { Register(Part{Name: "linear", Default: true, Run: linear}) }

// linearShapes are rows, in, out: a vision transformer's feed-forward on one picture, a language model's on 512 tokens, and on one.
var linearShapes = [][3]int{{257, 1408, 6144}, {512, 2560, 10240}, {1, 2560, 10240}}

var linearTypes = []kernel.DType{kernel.F32, kernel.BF16, kernel.Q8_0, kernel.Q4_0, kernel.Q4_1}

// linear measures y = x·Wᵀ for each stored type of W. One row reads cold weights, many rows the same again and again.
func linear(ctx context.Context, r *Runner) error {
	for _, s := range linearShapes {
		rows, in, out := s[0], s[1], s[2]
		x, y := Values(rows*in), make([]float32, rows*out)
		for _, d := range linearTypes {
			mats := []kernel.Mat{Weights(d, out, in)}
			bound := "compute"
			if rows == 1 {
				mats, bound = r.Cold(d, out, in), "memory"
			}
			g := &kernel.Gemm{
				M: rows, N: out, K: in, A: kernel.Operand{Mat: kernel.MatF32(x, rows, in, in)}, C: y, LDC: out,
				Compute: computeFor(d),
			}
			rec := Record{
				Part: "linear", Shape: s[:], Bound: bound,
				Flops: 2 * float64(rows) * float64(in) * float64(out),
				Bytes: float64(out*d.RowBytes(in) + 4*rows*(in+out)),
			}
			measure := func() error {
				return r.Measure(ctx, rec, d, len(mats), func() {
					for _, m := range mats {
						g.B = kernel.Operand{Mat: m}
						r.Engine.Gemm(r.Workers, g)
					}
				})
			}
			if err := measure(); err != nil {
				return err
			}
			if rows > 1 || !inEights(r, mats) {
				continue
			}
			rec.What = "in eights"
			if err := measure(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inEights lays out matrices as what is converted while it loads is laid out for decoding, and says whether they are.
func inEights(r *Runner, mats []kernel.Mat) bool {
	for i := range mats {
		r.Engine.InEights(r.Workers, &mats[i])
	}
	return mats[0].Eights
}

// computeFor is the arithmetic that a model with weights of a type runs in.
func computeFor(d kernel.DType) kernel.DType {
	switch d {
	case kernel.F32:
		return kernel.F32
	case kernel.F16, kernel.BF16:
		return kernel.BF16
	}
	return kernel.Q8_0
}
