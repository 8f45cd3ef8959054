package data

import "math/rand/v2"

// Order returns the rows 0 to n−1 in an order that the seed and the epoch alone decide.
func Order(n int, seed, epoch uint64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	// The shuffle is written out, so that the order does not hang on how a release of the library shuffles.
	random := rand.NewPCG(seed, epoch)
	for i := n - 1; i > 0; i-- {
		j := int(random.Uint64() % uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// Split divides a dataset's rows into those to train on and those to hold out: about share of them, at least one if there
// are two rows, drawn by the seed. Both lists are in rising order.
func Split(n int, share float64, seed uint64) (train, held []int) {
	count := 0
	if share > 0 && n > 1 {
		count = min(max(int(float64(n)*share+0.5), 1), n-1)
	}
	out := make([]bool, n)
	for _, i := range Order(n, seed, ^uint64(0))[:count] {
		out[i] = true
	}
	for i, o := range out {
		if o {
			held = append(held, i)
		} else {
			train = append(train, i)
		}
	}
	return train, held
}
