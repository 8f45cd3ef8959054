package generate

import (
	"errors"
	"math"
)

// toy is a language model whose logits follow from the last two tokens.
type toy struct {
	vocab  int
	rows   [][]int32
	logits [][]float32
	fail   error
	steps  int
}

func newToy(vocab int, prompts ...[]int32) *toy {
	t := &toy{vocab: vocab, rows: prompts}
	t.read()
	return t
}

func (t *toy) read() {
	for len(t.logits) < len(t.rows) {
		t.logits = append(t.logits, make([]float32, t.vocab))
	}
	for i, r := range t.rows {
		toyLogits(t.logits[i], r)
	}
}

func toyLogits(dst []float32, row []int32) {
	h := uint32(17)
	for _, id := range row[max(0, len(row)-2):] {
		h = (h ^ uint32(id+1)) * 16777619
	}
	for v := range dst {
		x := (h ^ uint32(v)*2654435761) * 2246822519
		x ^= x >> 13
		x *= 3266489917
		dst[v] = float32(x>>8)/(1<<24)*8 - 4
	}
}

func (t *toy) Logits(row int) []float32 { return t.logits[row] }

func (t *toy) Advance(parents []int, tokens []int32) error {
	if t.fail != nil {
		return t.fail
	}
	t.steps++
	next := make([][]int32, len(parents))
	for i, p := range parents {
		next[i] = append(append([]int32(nil), t.rows[p]...), tokens[i])
	}
	t.rows = next
	t.read()
	return nil
}

// logProb is the toy's own, computed plainly.
func toyLogProb(row []int32, vocab int, id int32) float64 {
	l := make([]float32, vocab)
	toyLogits(l, row)
	sum := 0.0
	for _, v := range l {
		sum += math.Exp(float64(v))
	}
	return float64(l[id]) - math.Log(sum)
}

var errToy = errors.New("toy failed")
