package train

import (
	"fmt"
	"math"

	"dragoman/tensor"
)

// solveSymmetric solves a·z = b for every row b of rows [k, n], in place, for a positive definite a [n, n], which is overwritten by
// its Cholesky factor.
func solveSymmetric(a, rows []float64, n int) error {
	pool := tensor.DefaultPool()
	for j := range n {
		row := a[j*n : j*n+j]
		d := a[j*n+j] - dot(row, row)
		if !(d > 0) {
			return fmt.Errorf("ridge: the matrix is singular at %d of %d: a larger λ is needed", j, n)
		}
		pivot := math.Sqrt(d)
		a[j*n+j] = pivot
		const stripe = 64
		left := n - j - 1
		pool.Do((left+stripe-1)/stripe, func(task, _ int) {
			for i := j + 1 + task*stripe; i < min(j+1+(task+1)*stripe, n); i++ {
				a[i*n+j] = (a[i*n+j] - dot(a[i*n:i*n+j], row)) / pivot
			}
		})
	}
	pool.Do(len(rows)/n, func(task, _ int) {
		b := rows[task*n : (task+1)*n]
		for i := range n {
			b[i] = (b[i] - dot(a[i*n:i*n+i], b[:i])) / a[i*n+i]
		}
		for i := n - 1; i >= 0; i-- {
			b[i] /= a[i*n+i]
			for j := range i {
				b[j] -= a[i*n+j] * b[i]
			}
		}
	})
	return nil
}

func dot(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}
