package language

import (
	"slices"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
)

// plain is a model that is a head alone.
type plain struct {
	Model
	head *tensor.Tensor
}

func (m plain) Config() Config            { return Config{Vocab: m.head.Rows(), Width: m.head.Dim(1)} }
func (m plain) PlainHead() *tensor.Tensor { return m.head }
func (m plain) Logits(r *tensor.Run, hidden *tensor.Tensor) *tensor.Tensor {
	y := r.Linear(hidden, m.head, nil, kernel.NoAct)
	r.Observe("head", y)
	return y
}

// seen counts what is shown.
type seen struct {
	tensor.Observer
	count int
}

func (s *seen) Module(string, *tensor.Tensor) { s.count++ }

// TestExtendedLogits: the new words' logits stand behind those of the model's own that count, whoever looks.
func TestExtendedLogits(t *testing.T) {
	const width, rows = 4, 3
	ramp := func(n, m int) *tensor.Tensor {
		x := make([]float32, n*m)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		return tensor.FromFloats(x, n, m)
	}
	own, further, hidden := ramp(6, width), ramp(2, width), ramp(rows, width)
	for _, first := range []int{6, 5} {
		m := Extend(plain{head: own}, first, further, further)
		var want []float32
		for i := range rows {
			for j := range first + 2 {
				w := own.Data()[j%6*width:]
				if j >= first {
					w = further.Data()[(j-first)*width:]
				}
				var sum float32
				for k := range width {
					sum += hidden.Data()[i*width+k] * w[k]
				}
				want = append(want, sum)
			}
		}
		for _, watched := range []bool{false, true} {
			o := &seen{}
			opt := tensor.Options{}
			if watched {
				opt.Observer = o
			}
			if got := m.Logits(tensor.NewRun(opt), hidden).Data(); !slices.Equal(got, want) {
				t.Errorf("%d words, watched %v: %v, want %v", first, watched, got, want)
			}
			if watched && o.count != 1 {
				t.Errorf("%d words: the model's own logits were shown %d times", first, o.count)
			}
		}
	}
}
