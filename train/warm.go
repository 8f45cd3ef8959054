package train

import (
	"errors"
	"math"

	"dragoman/tensor"
)

// warmer trains the picture's head by itself: it contrasts each picture with all captions, which the text stream has embedded as it
// stands. That costs a hundredth of a step with queries, and gives them something to add to.
type warmer struct {
	t       *bridging
	stage   *Stage
	texts   *tensor.Tensor // [captions, shared], fixed
	near    []float32      // [captions, captions]: how a share of the target is spread over captions like each
	spread  float32        // standard deviation of the inputs around their means
	scratch []float32
	views   []float32 // nil, or the summaries of near_views views of each picture
}

// mostViews is how many views of a picture the regression of a head without landmarks is fitted to; of one with landmarks near_views says it.
const mostViews = 4

// smoothing is the share of the target that goes to all captions alike.
const warmSmoothing = 0.1

func (t *bridging) newWarmer(st *Stage) (*warmer, error) {
	if t.model.Bridge.Head == nil {
		return nil, errNoHead
	}
	if t.state.Step == 0 && st.Whiten > 0 {
		if err := t.model.WhitenTexts(t.labels.texts, st.Whiten); err != nil {
			return nil, err
		}
	}
	w := t.newColdWarmer(st)
	if st.Steps > 0 {
		x, _, err := t.summaries(max(1, min(t.views.cached, mostViews)))
		if err != nil {
			return nil, err
		}
		mean := columnMeans(x, t.model.Bridge.Head.In())
		w.spread = spread(x, mean)
		if t.state.Step == 0 {
			copy(t.model.Bridge.Head.Mean.Data(), mean)
		}
	}
	if t.state.Step > 0 || st.Ridge == 0 {
		return w, nil
	}
	views := max(1, min(t.views.cached, mostViews))
	if t.model.Bridge.Head.Landmarks != nil {
		views = 0
	}
	x, captions, err := t.summaries(views)
	if err != nil {
		return nil, err
	}
	if err := w.lookAgain(); err != nil {
		return nil, err
	}
	t.opt.Progress(Progress{Doing: "fitting the picture's head", All: 1})
	r := regression{x: x, views: w.views, captions: captions, texts: w.texts, head: t.model.Bridge.Head}
	if err := r.solve(st.Ridge, st.NearRidge); err != nil || st.Folds == "" {
		return w, err
	}
	return w, w.learnMatching(x, captions)
}

// lookAgain has the regressions of a head with landmarks see more views of each picture, where the stage has some.
func (w *warmer) lookAgain() (err error) {
	if n := w.stage.NearViews; n > 0 {
		if w.t.model.Bridge.Head.Landmarks == nil {
			return errors.New("near_views: the picture's head has no landmarks")
		}
		w.views, _, err = w.t.summaries(n)
	}
	return err
}

var errNoHead = errors.New("model.qformer.picture_head: the stage takes a head of the picture, and there is none")

// newColdWarmer is newWarmer without what has to be learnt from the pictures first.
func (t *bridging) newColdWarmer(st *Stage) *warmer {
	w := &warmer{t: t, stage: st}
	run := tensor.NewRun(tensor.Options{Compute: t.compute})
	w.texts = tensor.FromFloats(t.model.EmbedTexts(run, t.labels.texts), len(t.labels.texts), t.model.Config.Shared)
	if st.Neighbour > 0 {
		w.near = likeness(run, w.texts)
	}
	return w
}

// summaries are the head's inputs for so many views of every picture trained on (0: the picture as it is outside of training), with
// the number of its caption.
func (t *bridging) summaries(views int) (x []float32, captions []int32, err error) {
	each, plain := max(1, views), views == 0
	in := t.model.Bridge.Head.In()
	run := tensor.NewRun(tensor.Options{})
	const step = 256
	var reqs []request
	flush := func() error {
		raw, err := t.views.features(reqs)
		if err != nil {
			return err
		}
		run.Reset()
		x = append(x, t.model.Summary(run, raw).Data()...)
		reqs = reqs[:0]
		return nil
	}
	x = make([]float32, 0, len(t.train.pairs)*each*in)
	for i := range t.train.pairs {
		p := &t.train.pairs[i]
		for view := range each {
			reqs = append(reqs, request{pair: p, index: i, view: uint64(view), plain: plain})
			captions = append(captions, t.labels.of(p.texts[0]))
		}
		if len(reqs) >= step {
			if err := flush(); err != nil {
				return nil, nil, err
			}
			t.opt.Progress(Progress{Doing: "summing pictures up", Done: i + 1, All: len(t.train.pairs)})
		}
	}
	if len(reqs) > 0 {
		err = flush()
	}
	return x, captions, err
}

// loss is the cross-entropy of a batch's pictures over all captions.
func (w *warmer) loss(run *tensor.Run, b batch) *tensor.Tensor {
	m := w.t.model
	x := m.Summary(run, b.raw)
	if run.Options().Train && w.stage.Noise > 0 {
		noise := rng(b.seed, "noise")
		for i := range x.Data() {
			x.Data()[i] += float32(w.stage.Noise*noise.NormFloat64()) * w.spread
		}
	}
	u := m.Picture(run, run.Dropout(m.Bridge.Head.Centre(run, x), w.stage.Dropout))
	logits := run.DivBy(run.MatMul(u, w.texts, true), m.Bridge.Heads.Temp)
	return run.SoftCrossEntropy(logits, w.targets(b.labels))
}

// targets spread each row over the caption itself, captions like it, and all.
func (w *warmer) targets(labels []int32) []float32 {
	n := w.texts.Dim(0)
	if cap(w.scratch) < n*len(labels) {
		w.scratch = make([]float32, n*len(labels))
	}
	out := w.scratch[:n*len(labels)]
	share := w.stage.Neighbour
	for i, label := range labels {
		row := out[i*n : (i+1)*n]
		for j := range row {
			row[j] = warmSmoothing / float32(n)
			if share > 0 {
				row[j] += share * w.near[int(label)*n+j]
			}
		}
		row[label] += 1 - warmSmoothing - share
	}
	return out
}

// columnMeans are the means of the columns of x [rows, width].
func columnMeans(x []float32, width int) []float32 {
	sums := make([]float64, width)
	for i, v := range x {
		sums[i%width] += float64(v)
	}
	out := make([]float32, width)
	for i, s := range sums {
		out[i] = float32(s * float64(width) / float64(len(x)))
	}
	return out
}

// spread is the standard deviation of all values around the means of their columns.
func spread(x, mean []float32) float32 {
	var sum float64
	for i, v := range x {
		d := float64(v - mean[i%len(mean)])
		sum += d * d
	}
	return float32(math.Sqrt(sum / float64(len(x))))
}
