package train

import (
	"errors"
	"fmt"
	"slices"

	"dragoman/model/blip2"
)

// suggested is what stands before the prompt of a picture that is trained on.
type suggested struct {
	hints []string // the best first; of a guess, that guess, as often as there would be hints
	guess bool
}

// suggest makes the hints of every pair trained on, by a head that was fitted without all pictures that say the same in a field of the rows,
// and without a tenth of the captions: they are as often wrong as they will be of new pictures. Where none of the other pictures of the
// nearest caption is near, it is a guess, as it would be of a new picture; but that the encoder is asked once for what it takes a picture
// for, of the picture as it is, whatever view is shown.
func (t *bridging) suggest(st *Stage) ([]suggested, error) {
	if t.model.Bridge.Head == nil || t.model.Config.Extras.Hints == 0 {
		return nil, errors.New("hint_folds: the model takes no hints")
	}
	w := &warmer{t: t, stage: st, texts: t.model.Memory.Texts} // as they were when the stage began
	x, captions, err := t.summaries(0)
	if err != nil {
		return nil, err
	}
	if err := w.lookAgain(); err != nil {
		return nil, err
	}
	folds, err := w.folds(st.HintFolds, captions)
	if err != nil {
		return nil, fmt.Errorf("hint_folds: %w", err)
	}
	guesses := len(t.model.Memory.Classes) > 0 // without them the model does not say what it takes a picture for
	folds = slices.DeleteFunc(folds, func(f fold) bool { return f.unmet })
	out := make([]suggested, len(t.train.pairs))
	extras, temperature := t.model.Config.Extras, float64(t.model.Bridge.Temperature())
	for k, f := range folds {
		t.opt.Progress(Progress{Doing: "fitting heads without a fold", Done: k, All: len(folds)})
		head, err := w.fit(x, captions, f)
		if err != nil {
			return nil, fmt.Errorf("hint_folds: %w", err)
		}
		var unsure []unfamiliar
		w.compare(x, f, head, func(i int, cosines, far []float32) {
			s := &out[f.pictures[i]]
			s.hints = t.model.Memory.Hints(cosines, extras.Hints)[0]
			if guesses && blip2.Unfamiliar(t.labels.of(s.hints[0]), far, head.of) {
				unsure = append(unsure, unfamiliar{f.pictures[i], slices.Clone(cosines)})
				return
			}
			s.hints = t.model.Memory.Likely(s.hints, cosines, temperature, extras.HintShare)
		})
		if err := t.guess(out, unsure); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unfamiliar is a picture of which a fold's head remembers none that is alike, and its cosines with all captions.
type unfamiliar struct {
	row     int
	cosines []float32
}

// guess says of unfamiliar pictures what the model would say.
func (t *bridging) guess(out []suggested, pictures []unfamiliar) error {
	m, temperature := t.model, float64(t.model.Bridge.Temperature())
	for part := range slices.Chunk(pictures, encodeBatch) {
		var reqs []request
		for _, p := range part {
			reqs = append(reqs, request{pair: &t.train.pairs[p.row], index: p.row, plain: true})
		}
		px, err := t.views.drawn(reqs)
		if err != nil {
			return err
		}
		t.views.run.Reset()
		for i, g := range m.Guesses(t.views.run, px) {
			s := &out[part[i].row]
			said := m.Memory.Unsure(s.hints, part[i].cosines, temperature, g)
			s.hints, s.guess = slices.Repeat([]string{said}, len(s.hints)), true
		}
	}
	return nil
}
