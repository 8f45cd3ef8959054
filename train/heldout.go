package train

import "dragoman/tensor"

// heldOut is what a stage is validated on: the held-out pairs as they are, without augmentation and dropout.
type heldOut struct {
	t   *trainer
	raw []float32 // their features, made at the first validation
}

// means has losses computed of all pairs, so many at a time, and gives their means by name. raw is the features of pairs from…to.
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
	sums, count := map[string]float64{}, 0
	width := t.views.model.FeatureLen()
	for from := 0; from < len(t.held); from += batch {
		to := min(from+batch, len(t.held))
		t.run.Reset()
		parts, err := losses(from, to, h.raw[from*width:to*width])
		if err != nil {
			return nil, err
		}
		for name, v := range parts {
			sums[name] += v * float64(to-from)
		}
		count += to - from
	}
	return means(sums, count), nil
}
