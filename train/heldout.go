package train

import (
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
	several := slices.ContainsFunc(t.held, func(p pair) bool { return h.setOf(&p) != h.setOf(&t.held[0]) })
	sums, counts := map[string]float64{}, map[string]int{}
	width := t.views.model.FeatureLen()
	for from, to := 0, 0; from < len(t.held); from = to {
		set := h.setOf(&t.held[from])
		for to = from + 1; to < min(from+batch, len(t.held)) && h.setOf(&t.held[to]) == set; to++ {
		}
		t.run.Reset()
		parts, err := losses(from, to, h.raw[from*width:to*width])
		if err != nil {
			return nil, err
		}
		for name, v := range parts {
			names := []string{name}
			if several {
				names = append(names, name+"."+set)
			}
			for _, name := range names {
				sums[name] += v * float64(to-from)
				counts[name] += to - from
			}
		}
	}
	for name := range sums {
		sums[name] /= float64(counts[name])
	}
	return sums, nil
}

// setOf is the dataset of a held-out pair.
func (h *heldOut) setOf(p *pair) string {
	if h.set == nil {
		return ""
	}
	return h.set(p)
}
