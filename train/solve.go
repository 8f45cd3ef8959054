package train

import (
	"fmt"
	"math"

	"dragoman/tensor"
)

// solveBlock is how many columns of the factor are made at a time: what is left of the matrix is then brought up to date by one
// product.
const solveBlock = 128

// solveSymmetric solves a·z = rows for z [n, k], in place of rows, for a positive definite a [n, n], which is overwritten by its
// Cholesky factor.
func solveSymmetric(a, rows []float32, n int) error {
	run := tensor.NewRun(tensor.Options{})
	pool := tensor.DefaultPool()
	for from := 0; from < n; from += solveBlock {
		to := min(from+solveBlock, n)
		if err := factorBlock(a, n, from, to); err != nil {
			return err
		}
		// The columns below the block: each row times the block's inverse, transposed.
		pool.Do(n-to, func(task, _ int) {
			row := a[(to+task)*n+from : (to+task)*n+to]
			for j := range row {
				pivot := a[(from+j)*n+from : (from+j)*n+to]
				row[j] = float32((float64(row[j]) - dot(row[:j], pivot[:j])) / float64(pivot[j]))
			}
		})
		below := columns(a, n, to, n, from, to)
		const stripe = 1024
		for low := to; low < n; low += stripe { // the lower triangle of what is left
			high := min(low+stripe, n)
			run.Reset()
			width := to - from
			left := tensor.FromFloats(below[(low-to)*width:(high-to)*width], high-low, width)
			right := tensor.FromFloats(below[:(high-to)*width], high-to, width)
			product := run.MatMul(left, right, true).Data()
			pool.Do(high-low, func(task, _ int) {
				subtract(a[(low+task)*n+to:(low+task)*n+high], product[task*(high-to):(task+1)*(high-to)])
			})
		}
	}
	k := len(rows) / n
	for from := 0; from < n; from += solveBlock {
		to := min(from+solveBlock, n)
		if from > 0 {
			run.Reset()
			known := tensor.FromFloats(rows[:from*k], from, k)
			subtract(rows[from*k:to*k], run.MatMul(tensor.FromFloats(columns(a, n, from, to, 0, from), to-from, from), known, false).Data())
		}
		for i := from; i < to; i++ {
			for j := from; j < i; j++ {
				addScaled(rows[i*k:(i+1)*k], rows[j*k:(j+1)*k], -a[i*n+j])
			}
			scale(rows[i*k:(i+1)*k], 1/a[i*n+i])
		}
	}
	for from := (n - 1) / solveBlock * solveBlock; from >= 0; from -= solveBlock {
		to := min(from+solveBlock, n)
		if to < n {
			run.Reset()
			below := tensor.FromFloats(columns(a, n, to, n, from, to), n-to, to-from)
			known := tensor.FromFloats(rows[to*k:], n-to, k)
			subtract(rows[from*k:to*k], run.MatMul(run.Transpose(below, 0, 1), known, false).Data())
		}
		for i := to - 1; i >= from; i-- {
			for j := i + 1; j < to; j++ {
				addScaled(rows[i*k:(i+1)*k], rows[j*k:(j+1)*k], -a[j*n+i])
			}
			scale(rows[i*k:(i+1)*k], 1/a[i*n+i])
		}
	}
	return nil
}

// factorBlock is the Cholesky factor of the block from … to on the diagonal.
func factorBlock(a []float32, n, from, to int) error {
	for j := from; j < to; j++ {
		pivot := a[j*n+from : j*n+to]
		at := j - from
		d := float64(pivot[at]) - dot(pivot[:at], pivot[:at])
		if !(d > 0) {
			return fmt.Errorf("ridge: the matrix is singular at %d of %d: a larger λ is needed", j, n)
		}
		pivot[at] = float32(math.Sqrt(d))
		for i := j + 1; i < to; i++ {
			row := a[i*n+from : i*n+to]
			row[at] = float32((float64(row[at]) - dot(row[:at], pivot[:at])) / float64(pivot[at]))
		}
	}
	return nil
}

// columns copies a part of a [n, n].
func columns(a []float32, n, top, bottom, left, right int) []float32 {
	out := make([]float32, 0, (bottom-top)*(right-left))
	for i := top; i < bottom; i++ {
		out = append(out, a[i*n+left:i*n+right]...)
	}
	return out
}

func dot(a, b []float32) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i]) * float64(b[i])
		s1 += float64(a[i+1]) * float64(b[i+1])
		s2 += float64(a[i+2]) * float64(b[i+2])
		s3 += float64(a[i+3]) * float64(b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i]) * float64(b[i])
	}
	return s0 + s1 + s2 + s3
}

func add(a, b []float32) {
	for i, v := range b {
		a[i] += v
	}
}

func subtract(a, b []float32) {
	for i, v := range b {
		a[i] -= v
	}
}

func addScaled(a, b []float32, s float32) {
	for i, v := range b {
		a[i] += s * v
	}
}

func scale(a []float32, s float32) {
	for i := range a {
		a[i] *= s
	}
}
