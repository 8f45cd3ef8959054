package bench

import (
	"context"
	"math/rand/v2"
	"runtime/debug"

	"dragoman/bridge/qformer"
	"dragoman/internal/rss"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/nn"
	"dragoman/tensor"
)

func init() { Register(Part{Name: "train-stage1", Run: trainStage1}) }

// The first stage at BLIP-2's size: features of ViT-g/14 at 224 pixels are given, captions are as long as they may be.
const (
	stage1Batch    = 16
	stage1Features = 257
	stage1Length   = 32
)

// trainStage1 times whole steps: losses, gradients and AdamW, in bf16 with float32 masters.
func trainStage1(ctx context.Context, r *Runner) error {
	r.arena = nil
	debug.FreeOSMemory()
	rss.Reset()
	c := blip2.Config{QFormer: qformer.Defaults(), Shared: 256, ImageID: -1}
	c.QFormer.Text, c.QFormer.Vocab = true, 30523
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 1}).Trainable(true)
	bridge := blip2.NewBridge(b, c, nil, blip2.Want{Heads: true})
	if err := b.Err(); err != nil {
		return err
	}
	params := newLearned(b.Params())
	features := tensor.FromFloats(Values(stage1Batch*stage1Features*c.QFormer.FeatureWidth), stage1Batch, stage1Features, c.QFormer.FeatureWidth)
	text := qformer.Text{Len: stage1Length}
	random := rand.New(rand.NewPCG(1, 2))
	for range stage1Batch * stage1Length {
		text.IDs = append(text.IDs, int32(random.IntN(c.QFormer.Vocab)))
	}
	run := tensor.NewRun(tensor.Options{Compute: kernel.BF16, Engine: r.Engine, Grad: true, Train: true, Seed: 1})
	steps := 0
	step := func() {
		steps++
		params.zero()
		run.Reset()
		pairs := blip2.Pairs{View: blip2.View{Tokens: features}, Text: text, Rand: rand.New(rand.NewPCG(1, uint64(steps)))}
		run.Backward(bridge.Stage1(run, pairs, blip2.PaperObjective()).Total, 1)
		params.step(r)
	}
	step() // memory is got once
	rec := Record{
		Part: "train-stage1", Shape: []int{stage1Batch, stage1Features, c.QFormer.FeatureWidth}, Flops: stage1Batch * stage1Flops(c),
		Bound: "compute",
	}
	best, median, err := r.repeat(ctx, rec.Bound, kernel.BF16, timed(step))
	if err != nil {
		return err
	}
	r.emit(rec, kernel.BF16, best, median, 1, func(rec *Record) { rec.SamplesPerS, rec.PeakRSS = stage1Batch/rec.Seconds, rss.Peak() })
	return nil
}

// learned are parameters with AdamW's moments.
type learned struct {
	params  []*tensor.Tensor
	moments [][2][]float32
}

func newLearned(params []*tensor.Tensor) *learned {
	l := &learned{params: params}
	for _, p := range params {
		l.moments = append(l.moments, [2][]float32{make([]float32, p.Len()), make([]float32, p.Len())})
	}
	return l
}

// zero forgets the gradients.
func (l *learned) zero() {
	for _, p := range l.params {
		p.ZeroGrad()
	}
}

// step moves the parameters, a little.
func (l *learned) step(r *Runner) {
	o := kernel.AdamW{LR: 1e-6, Beta1: 0.9, Beta2: 0.98, Eps: 1e-8, Scale: 1, Bias1: 1, Bias2: 1}
	r.Workers.Do(len(l.params), func(i, _ int) {
		if g := l.params[i].Grad(); g != nil {
			r.Engine.AdamW(o, l.params[i].Data(), l.moments[i][0], l.moments[i][1], g)
		}
	})
}

// stage1Flops is what one sample of a step needs, forward and backward, with the picture's keys and values made once and the
// generation reading those of the queries. A product of the backward costs as much as the forward's, for each operand that wants a
// gradient: features do not.
func stage1Flops(c blip2.Config) float64 {
	q := c.QFormer
	w, f := float64(q.Width), float64(q.FeedForward)
	layers := float64(q.Layers)
	looks := float64((q.Layers + q.CrossEvery - 1) / q.CrossEvery)
	queries, words, keys := float64(q.Queries), float64(stage1Length), float64(stage1Features)

	queryRows := queries + 3*queries               // by themselves, matching
	textRows := words + 3*words + (words - 1)      // by themselves, matching, generation
	matchedLast := 3 * words * 2 * (2*w*w + 2*w*f) // the last layer does not finish the text of matching
	linear := layers*(queryRows+textRows)*2*(4*w*w+2*w*f) - matchedLast
	linear += looks * queryRows * 2 * 2 * w * w            // into and out of the attention to the picture
	linear += (words - 1) * 2 * (w*w + w*float64(q.Vocab)) // the language head
	linear += 2 * w * float64(c.Shared) * (queries + 1)    // contrast

	both := queries + words
	attention := layers * 4 * w * (queries*queries + words*words + 3*both*both + (words-1)*both)
	attention -= 3 * 4 * w * words * both
	attention += looks * 4 * w * queryRows * keys

	remembered := looks * keys * 2 * 2 * w * float64(q.FeatureWidth)
	return 3*(linear+attention) + 2*remembered
}
