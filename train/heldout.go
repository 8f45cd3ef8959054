package train

import (
	"maps"
	"slices"

	"dragoman/tensor"
)

// heldOut is what a stage is validated on: the held-out pairs as they are, without augmentation and dropout.
type heldOut struct {
	t   *trainer
	raw []float32          // their features, made at the first validation
	set func(*pair) string // the dataset of a pair, where there are several
}

// means has losses computed of all pairs, so many at a time, and gives their means by name; those of each dataset, too, as NAME.DATASET. raw is
// the features of pairs from…to.
func (h *heldOut) means(batch int, losses func(from, to int, raw []float32) (map[string]float64, error)) (map[string]float64, error) {
	t := h.t
	if h.raw == nil {
		reqs := make([]request, len(t.held))
		for i := range reqs {
			reqs[i] = request{pair: &t.held[i], index: -1, plain: true}
		}
		var err error
		if h.raw, err = t.views.features(reqs); err != nil {
			return nil, err
		}
	}
	run := t.run
	t.run = tensor.NewRun(tensor.Options{Compute: t.compute})
	defer func() { t.run = run }()
	sums, counts := map[string]map[string]float64{}, map[string]int{}
	width := t.views.model.FeatureLen()
	for from, to := 0, 0; from < len(t.held); from = to {
		set := h.setOf(from)
		for to = from + 1; to < min(from+batch, len(t.held)) && h.setOf(to) == set; to++ {
		}
		t.run.Reset()
		parts, err := losses(from, to, h.raw[from*width:to*width])
		if err != nil {
			return nil, err
		}
		if sums[set] == nil {
			sums[set] = map[string]float64{}
		}
		for name, v := range parts {
			sums[set][name] += v * float64(to-from)
		}
		counts[set] += to - from
	}
	return h.together(sums, counts), nil
}

// setOf is the dataset of a held-out pair.
func (h *heldOut) setOf(i int) string {
	if h.set == nil {
		return ""
	}
	return h.set(&h.t.held[i])
}

// together makes means of sums over the pairs of each dataset.
func (h *heldOut) together(sums map[string]map[string]float64, counts map[string]int) map[string]float64 {
	out, all, n := map[string]float64{}, map[string]float64{}, 0
	for _, set := range slices.Sorted(maps.Keys(sums)) { // in an order: sums are the same whenever they are taken
		n += counts[set]
		for name, v := range sums[set] {
			all[name] += v
			if len(sums) > 1 {
				out[name+"."+set] = v / float64(counts[set])
			}
		}
	}
	maps.Copy(out, means(all, n))
	return out
}
