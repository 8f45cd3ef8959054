package train

import (
	"math"

	"dragoman/tensor"
)

// How hints are drawn in training: pictures that were trained on are recognised nearly always, which would leave the language model
// nothing to choose. So the picture's summary is disturbed, and its favourites are drawn rather than taken.
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
	scores := l.disturbed(b)
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
