package nn

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Init says how a fresh parameter starts.
type Init struct {
	Kind InitKind
	Std  float32 // of Normal
}

// InitKind is a way to start.
type InitKind uint8

// Zero, One; Normal(0, Std); TorchLinear (uniform in ±1/√fan-in, PyTorch's default for Linear weights and biases; a bias's
// fan-in is that of the weight beside it, made before it).
const (
	Zero InitKind = iota
	One
	Normal
	TorchLinear
)

// fill sets a parameter's first values. They depend on the seed and the name alone, not on what was made before.
func (init Init) fill(x []float32, fanIn int, seed uint64, name string) {
	if init.Kind == Zero {
		return
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash's Write never fails
	random := rand.New(rand.NewPCG(seed, h.Sum64()))
	bound := 1 / math.Sqrt(float64(max(1, fanIn)))
	for i := range x {
		switch init.Kind {
		case One:
			x[i] = 1
		case Normal:
			x[i] = float32(random.NormFloat64()) * init.Std
		case TorchLinear:
			x[i] = float32((2*random.Float64() - 1) * bound)
		}
	}
}
