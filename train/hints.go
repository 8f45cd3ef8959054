package train

import (
	"math"
	"slices"

	"dragoman/model/blip2"
	"dragoman/tensor"
)

// How hints are drawn in training: pictures that were trained on are recognised nearly always, which would leave the language model
// nothing to choose. So the picture's summary is disturbed, and its favourites are drawn rather than taken; unless there are heads that never
// met it.
const (
	hintNoise   = 0.4 // on the head's input, in standard deviations
	hintGumbel  = 0.3 // on the logits
	hintDropout = 0.1 // how often there are none
)

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
	t.rememberAs(t.model.EmbedTexts(run, t.labels.texts), nil, nil)
	return nil
}

// rememberAs gives the model a memory of the run's captions, with what is said of their kinds.
func (t *bridging) rememberAs(texts, pictures []float32, of []int32) {
	t.model.Remember(t.labels.texts, texts, pictures, of)
	if t.kinds.classes != nil {
		t.model.RememberKinds(t.kinds.classes, t.kinds.of(t.labels.texts))
	}
}

// asked are a batch's lessons with the prompts that they stand behind, with hints where the model has any. Behind a hint that is said as a
// guess, what is to be learnt of a picture that nothing else is asked of is to say it so.
func (l *bridgeLearner) asked(b batch) []lesson {
	m := l.t.model
	out := slices.Clone(b.lessons)
	strangers := l.strangers(b)
	var hints [][]string
	if m.Config.Extras.Hints > 0 && m.Memory != nil && m.Bridge.Head != nil {
		hints = l.hints(b)
	}
	for i := range out {
		if out[i].prompt == nil {
			out[i].prompt = new(m.Config.Extras.Prompt)
		}
		if hints == nil || len(hints[i]) == 0 {
			continue
		}
		out[i].prompt = new(blip2.WithHints(hints[i], *out[i].prompt))
		if row := b.rows[i]; strangers && l.suggested[row].guess && l.t.train.pairs[row].question == "" {
			out[i].text = hints[i][0]
		}
	}
	return out
}

// hints are what stands before each of a batch's prompts, sometimes nothing: what heads suggest that never met the pictures, or, where there
// are no such, the captions that fit best when one does not look closely.
func (l *bridgeLearner) hints(b batch) [][]string {
	m := l.t.model
	random := rng(b.seed, "hints")
	hints := make([][]string, len(b.rows))
	if l.strangers(b) {
		for i, row := range b.rows {
			hints[i] = l.suggested[row].hints
		}
	} else {
		scores := l.disturbed(b)
		scale := 1 / float64(m.Bridge.Temperature())
		for i := range scores {
			gumbel := -math.Log(-math.Log(max(random.Float64(), 1e-12)))
			scores[i] = float32(float64(scores[i])*scale + hintGumbel*gumbel)
		}
		hints = m.Memory.Hints(scores, m.Config.Extras.Hints)
		width := len(m.Memory.Captions)
		for i := range hints {
			hints[i] = m.Memory.Likely(hints[i], scores[i*width:(i+1)*width], 1, m.Config.Extras.HintShare)
		}
	}
	for i := range hints {
		if random.Float64() < hintDropout {
			hints[i] = nil
		}
	}
	return hints
}

// strangers says whether a batch's hints are those of heads that never met its pictures.
func (l *bridgeLearner) strangers(b batch) bool {
	return l.suggested != nil && !slices.Contains(b.rows, notTrained)
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
		t.rememberAs(t.model.EmbedTexts(run, t.labels.texts), nil, nil)
		if t.model.Config.Extras.Matching != nil || t.kinds.classes != nil {
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
	t.rememberAs(t.model.EmbedTexts(run, t.labels.texts), pictures, of)
	return nil
}
