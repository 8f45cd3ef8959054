package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"dragoman/eval"
	"dragoman/tensor"
)

// How hints are drawn in training: pictures that were trained on are recognised nearly always, which would leave the language model
// nothing to choose. So the picture's summary is disturbed, and its favourites are drawn rather than taken.
const (
	hintNoise   = 0.4 // on the head's input, in standard deviations
	hintGumbel  = 0.3 // on the logits
	hintDropout = 0.1 // how often there are none
)

// hintsDrawn is how many captions a picture's hints are drawn from where they are not drawn from all.
const hintsDrawn = 16

// suggestion is a caption that a head found near a picture, by its number, and its cosine.
type suggestion struct {
	caption int32
	cosine  float32
}

// suggest lists, for every pair trained on, the captions that a head puts nearest to its picture which was fitted without all pictures that
// say the same in a field of the rows, and without a tenth of the captions: they are as often wrong as they will be of new pictures.
func (t *bridging) suggest(st *Stage) ([][]suggestion, error) {
	if t.model.Bridge.Head == nil || t.model.Config.Extras.Hints == 0 {
		return nil, errors.New("hint_folds: the model takes no hints")
	}
	w := &warmer{t: t, stage: st, texts: t.model.Memory.Texts} // as they were when the stage began
	x, captions, err := t.summaries(0)
	if err != nil {
		return nil, err
	}
	folds, err := w.folds(st.HintFolds, captions)
	if err != nil {
		return nil, fmt.Errorf("hint_folds: %w", err)
	}
	folds = slices.DeleteFunc(folds, func(f fold) bool { return f.unmet })
	out := make([][]suggestion, len(t.train.pairs))
	for k, f := range folds {
		t.opt.Progress(Progress{Doing: "fitting heads without a fold", Done: k, All: len(folds)})
		head, err := w.fit(x, captions, f)
		if err != nil {
			return nil, fmt.Errorf("hint_folds: %w", err)
		}
		w.compare(x, f, head, func(i int, cosines, _ []float32) {
			for _, c := range eval.TopK(cosines, hintsDrawn) {
				out[f.pictures[i]] = append(out[f.pictures[i]], suggestion{int32(c), cosines[c]})
			}
		})
	}
	return out, nil
}

// remember gives the model the captions of the run for a memory, as it embeds them when a stage begins: the text stream shares its
// attention with the queries and moves while they learn.
func (t *bridging) remember() error {
	if t.model.Config.Extras.Hints == 0 {
		return nil
	}
	if t.state.Step > 0 {
		return t.model.RestoreMemory(t.out.at(t.last))
	}
	run := tensor.NewRun(tensor.Options{Compute: t.compute})
	t.model.Remember(t.labels.texts, t.model.EmbedTexts(run, t.labels.texts), nil, nil)
	return nil
}

// prompts are what stands before the captions of a batch: those of its lessons, or the model's own, with hints where it has any.
func (l *bridgeLearner) prompts(b batch) []string {
	m := l.t.model
	out := make([]string, len(b.lessons))
	var hinted []string
	if n := m.Config.Extras.Hints; n > 0 && m.Memory != nil && m.Bridge.Head != nil {
		hinted = l.hinted(b, n)
	}
	for i, s := range b.lessons {
		switch {
		case s.prompt != nil:
			out[i] = *s.prompt
		case hinted != nil:
			out[i] = hinted[i]
		default:
			out[i] = m.Config.Extras.Prompt
		}
	}
	return out
}

// hinted are the model's own prompts with n hints each.
func (l *bridgeLearner) hinted(b batch, n int) []string {
	m := l.t.model
	scores := l.scores(b)
	width := len(m.Memory.Captions)
	random := rng(b.seed, "hints")
	scale := 1 / float64(m.Bridge.Temperature())
	for i := range scores {
		gumbel := -math.Log(-math.Log(max(random.Float64(), 1e-12)))
		scores[i] = float32(float64(scores[i])*scale + hintGumbel*gumbel)
	}
	out := make([]string, len(b.lessons))
	for i := range out {
		hints := m.Memory.Hints(scores[i*width:(i+1)*width], n)[0]
		if random.Float64() < hintDropout {
			hints = nil
		}
		out[i] = m.HintedPrompt(hints)
	}
	return out
}

// scores are how well all captions fit a batch's pictures, [batch, captions]: as heads say that never met them, where there are such, and
// otherwise when one does not look closely. Captions that are not suggested come last.
func (l *bridgeLearner) scores(b batch) []float32 {
	if l.suggested == nil || slices.Contains(b.rows, notTrained) {
		return l.disturbed(b)
	}
	width := len(l.t.model.Memory.Captions)
	scores := make([]float32, len(b.rows)*width)
	for i, row := range b.rows {
		of := scores[i*width : (i+1)*width]
		for k := range of {
			of[k] = -1
		}
		for _, s := range l.suggested[row] {
			of[s.caption] = s.cosine
		}
	}
	return scores
}

// disturbed is how well all captions fit a batch's pictures when one does not look closely: [batch, captions].
func (l *bridgeLearner) disturbed(b batch) []float32 {
	m := l.t.model
	run := tensor.NewRun(tensor.Options{Compute: l.t.compute})
	c := m.Bridge.Head.Centre(run, m.Summary(run, b.raw))
	var squares float64
	for _, v := range c.Data() {
		squares += float64(v) * float64(v)
	}
	std := math.Sqrt(squares / float64(c.Len()))
	noise := rng(b.seed, "summary")
	for i := range c.Data() {
		c.Data()[i] += float32(hintNoise * std * noise.NormFloat64())
	}
	return append([]float32(nil), run.MatMul(m.Picture(run, c), m.Memory.Texts, true).Data()...)
}

// rememberPictures adds to the memory where the head puts each picture that was trained on, one view each. A head with landmarks
// remembers pictures by itself.
func (t *bridging) rememberPictures() error {
	if t.model.Config.Extras.Hints == 0 || t.model.Bridge.Head == nil {
		return nil
	}
	run := tensor.NewRun(tensor.Options{Compute: t.compute})
	var of []int32
	if t.model.Bridge.Head.Landmarks != nil {
		t.model.Remember(t.labels.texts, t.model.EmbedTexts(run, t.labels.texts), nil, nil)
		if t.model.Config.Extras.Matching != nil {
			for i := range t.model.Bridge.Head.Landmarks.Points.Dim(0) {
				of = append(of, t.labels.of(t.train.pairs[i].texts[0]))
			}
			t.model.RememberLandmarks(of)
		}
		return nil
	}
	var pictures []float32
	const step = 128
	for from := 0; from < len(t.train.pairs); from += step {
		to := min(from+step, len(t.train.pairs))
		var reqs []request
		for i := from; i < to; i++ {
			p := &t.train.pairs[i]
			reqs = append(reqs, request{pair: p, index: i})
			of = append(of, t.labels.of(p.texts[0]))
		}
		raw, err := t.views.features(reqs)
		if err != nil {
			return err
		}
		run.Reset()
		c := t.model.Bridge.Head.Centre(run, t.model.Summary(run, raw))
		pictures = append(pictures, t.model.Picture(run, c).Data()...)
		t.opt.Progress(Progress{Doing: "remembering pictures", Done: to, All: len(t.train.pairs)})
	}
	texts := t.model.EmbedTexts(run, t.labels.texts)
	t.model.Remember(t.labels.texts, texts, pictures, of)
	return nil
}
