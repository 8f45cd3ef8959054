package eval

import (
	"math"
	"sort"
)

// Recall is how often, in percent, the right one is among the first 1, 5 and 10.
type Recall struct {
	R1  float64 `json:"r1"`
	R5  float64 `json:"r5"`
	R10 float64 `json:"r10"`
}

// RecallOf ranks the columns of scores [rows, columns] for each row, best first, and asks where the best-ranked right one
// stands. Among equal scores the later column counts as the better, as in the original evaluation. A row for which nothing
// is right is not counted.
func RecallOf(scores []float32, columns int, right func(row, column int) bool) Recall {
	var r Recall
	rows := 0
	for i := range len(scores) / max(1, columns) {
		row := scores[i*columns : (i+1)*columns]
		rank := rankOf(row, func(j int) bool { return right(i, j) })
		if rank < 0 {
			continue
		}
		rows++
		r.R1 += toOne(rank < 1)
		r.R5 += toOne(rank < 5)
		r.R10 += toOne(rank < 10)
	}
	if rows > 0 {
		scale := 100 / float64(rows)
		r.R1, r.R5, r.R10 = r.R1*scale, r.R5*scale, r.R10*scale
	}
	return r
}

// rankOf is how many columns stand before the best-ranked right one, −1 if none is right. NaN stands last.
func rankOf(row []float32, right func(int) bool) int {
	best := -1
	for j := range row {
		if right(j) && (best < 0 || before(row, j, best)) {
			best = j
		}
	}
	if best < 0 {
		return -1
	}
	rank := 0
	for j := range row {
		if j != best && before(row, j, best) {
			rank++
		}
	}
	return rank
}

func before(row []float32, a, b int) bool {
	x, y := orderable(row[a]), orderable(row[b])
	return x > y || (x == y && a > b)
}

func orderable(x float32) float64 {
	if x != x {
		return math.Inf(-1)
	}
	return float64(x)
}

// TopK lists the k best columns of a row, best first, in the order that RecallOf ranks them.
func TopK(row []float32, k int) []int32 {
	order := make([]int32, len(row))
	for i := range order {
		order[i] = int32(i)
	}
	sort.Slice(order, func(a, b int) bool { return before(row, int(order[a]), int(order[b])) })
	return order[:min(k, len(order))]
}

// Transposed exchanges rows and columns of scores [rows, columns].
func Transposed(scores []float32, columns int) []float32 {
	rows := len(scores) / max(1, columns)
	out := make([]float32, len(scores))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = scores[i*columns+j]
		}
	}
	return out
}

func toOne(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
