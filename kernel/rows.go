package kernel

// rowsMax is the most rows of A that a product computes directly from the stored weights, without packing.
const rowsMax = 4

// rows computes a product of few rows (M ≤ rowsMax, decoding) straight from the stored rows of B, which is not transposed:
// every weight is read once, in order, and the workers share out the rows of B.
func (e *Engine) rows(w Workers, g *Gemm) {
	const chunk = 16
	w.Do((g.N+chunk-1)/chunk, func(task, worker int) {
		rowsGeneric(g, task*chunk, min((task+1)*chunk, g.N))
	})
}

// rowsGeneric computes columns from…to−1 of C.
func rowsGeneric(g *Gemm, from, to int) {
	scale := g.Scale
	if scale == 0 {
		scale = 1
	}
	weight, input := make([]float32, g.K), make([]float32, g.K)
	for n := from; n < to; n++ {
		Decode(g.B.DType, weight, g.B.Row(n))
		for m := range g.M {
			operandRow(input, &g.A, m)
			var s float32
			for k, v := range input {
				s += v * weight[k]
			}
			s *= scale
			if g.Bias != nil {
				s += g.Bias[n]
			}
			c := &g.C[m*g.LDC+n]
			if g.Accumulate {
				*c += s
			} else {
				*c = actOf(g.Act, s)
			}
		}
	}
}

// operandRow copies the values of one row of an operand, which are to be contracted, to dst.
func operandRow(dst []float32, o *Operand, row int) {
	if !o.Trans {
		Decode(o.DType, dst, o.Row(row))
		return
	}
	size := o.DType.BlockBytes()
	for k := range dst {
		Decode(o.DType, dst[k:k+1], o.Data[k*o.Stride+row*size:])
	}
}
