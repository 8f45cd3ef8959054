package data

import "math"

// assign gives each row a column of its own so that the chosen values' sum is greatest: the Hungarian method, with a path of least cost
// for each row in turn. Where there are more rows than columns some have none: −1.
func assign(gain [][]float64) []int {
	rows := len(gain)
	if rows == 0 {
		return nil
	}
	columns := len(gain[0])
	if rows > columns {
		turned := make([][]float64, columns)
		for j := range turned {
			turned[j] = make([]float64, rows)
			for i := range gain {
				turned[j][i] = gain[i][j]
			}
		}
		out := make([]int, rows)
		for i := range out {
			out[i] = -1
		}
		for j, i := range assign(turned) {
			out[i] = j
		}
		return out
	}
	// Rows and columns count from 1; column 0 is where a new row waits for one.
	rowPrice, columnPrice := make([]float64, rows+1), make([]float64, columns+1)
	owner := make([]int, columns+1) // of each column, 0: none
	for row := 1; row <= rows; row++ {
		owner[0] = row
		least, from := make([]float64, columns+1), make([]int, columns+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		done := make([]bool, columns+1)
		at := 0
		for owner[at] != 0 {
			done[at] = true
			i, step, next := owner[at], math.Inf(1), 0
			for j := 1; j <= columns; j++ {
				if done[j] {
					continue
				}
				if cost := -gain[i-1][j-1] - rowPrice[i] - columnPrice[j]; cost < least[j] {
					least[j], from[j] = cost, at
				}
				if least[j] < step || next == 0 {
					step, next = least[j], j
				}
			}
			for j := range done {
				if done[j] {
					rowPrice[owner[j]] += step
					columnPrice[j] -= step
				} else {
					least[j] -= step
				}
			}
			at = next
		}
		for at != 0 {
			owner[at] = owner[from[at]]
			at = from[at]
		}
	}
	out := make([]int, rows)
	for j := 1; j <= columns; j++ {
		if owner[j] > 0 {
			out[owner[j]-1] = j - 1
		}
	}
	return out
}
