package kernel

import "unsafe"

// mixKernel adds the sum of n stored rows v, stride bytes apart, each times its weight, to out: out[c] += Σ_i p[i]·v[i][c]. cols is
// a multiple of 16.
type mixKernel func(out, p *float32, v unsafe.Pointer, stride, n, cols int)

// fewKernels says whether all keys and values can be read as they lie.
func (j *attentionJob) fewKernels() bool {
	a := j.a
	if a.D%16 != 0 {
		return false
	}
	rows, mixes := j.engine.floatRows(), j.engine.mixes()
	for i := range a.Segments {
		if rows[a.Segments[i].K.DType] == nil || mixes[a.Segments[i].V.DType] == nil {
			return false
		}
	}
	return true
}

// fewKeys is how many keys, or values, pass through the nearest cache at a time for all queries that read them.
const fewKeys = 128

// fewTask computes the queries that read one head of a bundle's keys straight from the stored rows: for decoding, where there are few
// queries and the time goes into reading the cache, which is read once for all of them.
func (j *attentionJob) fewTask(task, worker int) {
	a, s := j.a, &j.scratch[worker]
	kvHead, bundle := task%a.KVHeads, j.bundle(task/a.KVHeads)
	total := len(bundle) * a.Heads / a.KVHeads * a.Tq
	for from := 0; from < total; from += partRows {
		j.fewRows(s, bundle, kvHead, from, min(from+partRows, total))
	}
}

// fewRows computes rows from…to−1 of a bundle's.
func (j *attentionJob) fewRows(s *attentionScratch, bundle []int32, kvHead, from, to int) {
	a, e := j.a, j.engine
	kernels, mixes := e.floatRows(), e.mixes()
	keys := a.Keys()
	ld := roundUp(keys, 4) + 4
	if need := (to - from) * ld; cap(s.scores) < need {
		s.scores = make([]float32, need)
	}
	scores := s.scores[:(to-from)*ld]
	at := 0
	for i := range a.Segments {
		seg := &a.Segments[i]
		k := seg.head(&seg.K, int(bundle[0]), kvHead, a.D)
		for key := 0; key < seg.Len; key += fewKeys {
			count := min(fewKeys, seg.Len-key)
			for n := from; n < to; n++ {
				r := j.rowAt(bundle, kvHead, n)
				q := unsafe.Pointer(&a.Q[(r.b*a.Tq+r.i)*a.QStride+r.h*a.D])
				dot4(kernels[k.DType], scores[(n-from)*ld+at:], &k.Mat, key, count, q, a.D)
			}
			at += count
		}
	}
	for n := from; n < to; n++ {
		r := j.rowAt(bundle, kvHead, n)
		row := scores[(n-from)*ld:][:keys]
		e.Scale(a.Scale, row)
		if a.Bias != nil {
			e.Add(row, row, a.BiasRow(a.Bias, r.h, r.i, keys))
		}
		a.maskRow(row, r.b, r.i)
		lse := e.Softmax(row)
		to := (r.b*a.Heads+r.h)*a.Tq + r.i
		if a.LSE != nil {
			a.LSE[to] = lse
		}
		if a.Probs != nil {
			copy(a.Probs[to*keys:][:keys], row)
		}
		clear(a.Out[(r.b*a.Tq+r.i)*a.OutStride+r.h*a.D:][:a.D])
	}
	at = 0
	for i := range a.Segments {
		seg := &a.Segments[i]
		v := seg.head(&seg.V, int(bundle[0]), kvHead, a.D)
		for key := 0; key < seg.Len; key += fewKeys {
			count := min(fewKeys, seg.Len-key)
			for n := from; n < to; n++ {
				r := j.rowAt(bundle, kvHead, n)
				out := &a.Out[(r.b*a.Tq+r.i)*a.OutStride+r.h*a.D]
				mixes[v.DType](out, &scores[(n-from)*ld+at], unsafe.Pointer(&v.Data[key*v.Stride]), v.Stride, count, a.D)
			}
			at += count
		}
	}
}

// dot4 sets dst[i] to the product of row from+i of m with q; dst has room for a multiple of four.
func dot4(kernel rowKernel, dst []float32, m *Mat, from, count int, q unsafe.Pointer, d int) {
	if run := count / 4; run > 0 {
		kernel(&dst[0], unsafe.Pointer(&m.Data[from*m.Stride]), m.Stride, run*m.Stride, run, q, d, 4*m.Stride)
	}
	for i := count &^ 3; i < count; i++ {
		// A row alone stands in for four; what it writes past its place is overwritten or beyond the end.
		kernel(&dst[i], unsafe.Pointer(&m.Data[(from+i)*m.Stride]), 0, 0, 1, q, d, 0)
	}
}
