package bench

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/blip2"
	"dragoman/tensor"
	"dragoman/vision/vit"
)

func init() {
	Register(Part{Name: "qformer", Run: qformerPart})
	Register(Part{Name: "caption", Run: caption})
}

// free gives up the memory that earlier parts walked over.
func (r *Runner) free() {
	r.arena = nil
	debug.FreeOSMemory()
}

// types are those of the wanted that --dtype allows.
func (r *Runner) types(wanted ...kernel.DType) []kernel.DType {
	if r.DType == nil {
		return wanted
	}
	return []kernel.DType{*r.DType}
}

// work is what something takes at least: of multiplications under a type, and of bytes that are read.
type work struct {
	flops float64
	bytes float64
}

// seconds is the shortest time for it, and whether memory bounds it.
func (r *Runner) seconds(d kernel.DType, w work) (s float64, memory bool) {
	computing, reading := w.flops/r.Peak(computeFor(d)), w.bytes/r.ReadPeak()
	return max(computing, reading), reading > computing
}

// shapeVision measures the encoder on one picture.
func shapeVision(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16, kernel.Q8_0) {
		encoder, err := r.sees(d)
		if err != nil {
			return err
		}
		run, s := r.newRun(d), encoder.Shape()
		pixels := squarePicture(encoder.Processor().Size[0])
		rec := Record{Part: "vision", What: r.what(), Bound: "compute", Shape: []int{s.Tokens, s.Width}, Flops: encoderWork(encoder)}
		if err := r.measureItems(ctx, rec, d, 1, samples, func() error {
			run.Reset()
			encoder.Encode(run, pixels)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func samples(rec *Record, rate float64) { rec.SamplesPerS = rate }

// squarePicture is one picture's pixels.
func squarePicture(size int) *tensor.Tensor {
	return tensor.FromFloats(Values(3*size*size), 1, 3, size, size)
}

// visionWork is what one picture takes.
func visionWork(c vit.Config) work {
	n, w, f := float64(c.Tokens()), float64(c.HiddenSize), float64(c.IntermediateSize)
	patches := 2 * (n - 1) * w * 3 * float64(c.PatchSize*c.PatchSize)
	return work{flops: patches + float64(c.Layers)*(2*n*w*(4*w+2*f)+4*n*n*w)}
}

// qformerPart measures the learned queries on the features of one picture.
func qformerPart(ctx context.Context, r *Runner) error {
	if r.Shape == "" && !r.loads {
		r.Shape = "qformer"
	}
	for _, d := range r.types(kernel.BF16) {
		m, err := r.blip2(d, blip2.Rooms{Bridge: true})
		if err != nil {
			return err
		}
		run := tensor.NewRun(tensor.Options{Compute: computeFor(d), Engine: r.Engine})
		features := Values(m.FeatureLen())
		q := m.Config.QFormer
		rec := Record{Part: "qformer", What: r.what(), Bound: "compute", Shape: []int{q.Queries, m.Vision.Shape().Tokens, q.FeatureWidth}, Flops: queryWork(m).flops}
		if err := r.measureItems(ctx, rec, d, 1, samples, func() error {
			run.Reset()
			m.SeeFeatures(run, features)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// queryWork is what the queries of one picture take, with the projection into a language model where there is one.
func queryWork(m *blip2.Model) work {
	q := m.Config.QFormer
	w, f, n, keys := float64(q.Width), float64(q.FeedForward), float64(q.Queries), float64(m.Vision.Shape().Tokens)
	looks := float64((q.Layers + q.CrossEvery - 1) / q.CrossEvery)
	flops := float64(q.Layers) * (2*n*(4*w*w+2*w*f) + 4*n*n*w)
	flops += looks * (2*n*2*w*w + 2*keys*2*w*float64(q.FeatureWidth) + 4*n*keys*w)
	if m.Bridge.Prompt != nil {
		flops += 2 * n * w * float64(m.Bridge.Prompt.Width())
	}
	return work{flops: flops}
}

// shapeLanguage is the shape's language model by itself.
func (r *Runner) shapeLanguage(d kernel.DType) (language.Model, language.Cost, error) {
	m, err := r.blip2(d, blip2.Rooms{Language: true})
	if err != nil {
		return nil, language.Cost{}, err
	}
	return m.Language, cost(m.Language), nil
}

func cost(m language.Model) language.Cost { return m.(interface{ Cost() language.Cost }).Cost() }

// shapePrefill measures reading 512 tokens.
func shapePrefill(ctx context.Context, r *Runner) error {
	const length = 512
	for _, d := range r.types(kernel.BF16, kernel.Q8_0) {
		m, c, err := r.shapeLanguage(d)
		if err != nil {
			return err
		}
		if err := r.measurePrefill(ctx, m, c, d, readable(m, length), nil); err != nil {
			return err
		}
	}
	return nil
}

// shapeDecode measures tokens one after the other. The weights are more than any cache holds.
func shapeDecode(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16, kernel.Q8_0, kernel.Q4_0) {
		m, c, err := r.shapeLanguage(d)
		if err != nil {
			return err
		}
		if err := r.measureDecode(ctx, []language.Model{m}, c, d, 16, nil); err != nil {
			return err
		}
	}
	return nil
}

// captionTokens is how long a measured caption is.
const captionTokens = 21

// mostCaptions bounds how many are measured side by side, as nearly all of the time goes into looking.
const mostCaptions = 4

// caption measures a picture's way to a sentence: encoder, queries, prefill of soft prompt and BOS, and the tokens one after the other; then that of
// as many pictures as are written of side by side. Its share is of the least time that all of that takes.
func caption(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16, kernel.Q8_0, kernel.Q4_0) {
		m, err := r.blip2(d, blip2.Rooms{Vision: true, Bridge: true, Language: true})
		if err != nil {
			return err
		}
		if err := r.captions(ctx, cost(m.Language), d, func(n int) (float64, float64, float64, string) { return r.captionWork(m, d, n) },
			func(n int) func() error { return r.captioner(ctx, m, d, n) }); err != nil {
			return err
		}
	}
	return nil
}

// captions measures one caption, and as many as are written side by side, at most mostCaptions. Of so many, work is the least time for them, their
// multiplications and bytes, and which of the two takes longer; say makes what writes them.
func (r *Runner) captions(ctx context.Context, c language.Cost, d kernel.DType, work func(n int) (least, flops, bytes float64, bound string),
	say func(n int) func() error,
) error {
	for _, n := range slices.Compact([]int{1, min(c.Together(computeFor(d)), mostCaptions)}) {
		rec := Record{Part: "caption", What: r.what(), Shape: []int{captionTokens}}
		if n > 1 {
			rec.What, rec.Shape = fmt.Sprintf("%s, %d pictures side by side", r.what(), n), []int{n, captionTokens}
		}
		_, rec.Flops, rec.Bytes, rec.Bound = work(n)
		if err := r.measureItems(ctx, rec, d, n*captionTokens, func(rec *Record, rate float64) {
			least, _, _, _ := work(n) // by the limits of the same seconds
			rec.TokensPerS, rec.ShareOfPeak = rate, r.share(least/rec.Seconds, c)
		}, say(n)); err != nil {
			return err
		}
	}
	return nil
}

// captioner is the work of so many captions, with memory of its own.
func (r *Runner) captioner(ctx context.Context, m *blip2.Model, d kernel.DType, n int) func() error {
	opt := tensor.Options{Compute: computeFor(d), Engine: r.Engine}
	run, dec := tensor.NewRun(opt), language.NewDecoder(m.Language, opt)
	pixels := squarePicture(m.Vision.Processor().Size[0])
	seen := make([]float32, m.FeatureLen())
	prompts := slices.Repeat([][]int32{{max(0, m.Language.Config().BOS)}}, n)
	o := generate.Options{MaxTokens: captionTokens, MinTokens: captionTokens}
	return func() error {
		dec.Reset()
		var soft []float32
		width := 0
		for range n {
			run.Reset()
			one := m.Soft(run, m.SeeInto(run, pixels, seen))
			soft, width = append(soft, one.Data()...), one.Dim(2)
		}
		if err := m.Read(dec, tensor.FromFloats(soft, n, len(soft)/n/width, width), prompts); err != nil {
			return err
		}
		_, err := generate.Run(ctx, dec, dec.Before(prompts), o)
		return err
	}
}

// captionWork is the least time for so many captions, their multiplications and bytes, and which of the two takes longer.
func (r *Runner) captionWork(m *blip2.Model, d kernel.DType, n int) (least, flops, bytes float64, bound string) {
	c := cost(m.Language)
	read, rows := float64(c.Bytes+c.HeadBytes), float64(n)
	prefill := work{rows * (2*float64(c.Weights)*float64(m.Config.QFormer.Queries+1) + 2*float64(c.Head)), read}
	return r.leastTime([]step{
		{d, work{flops: encoderWork(m.Vision)}, rows},
		{kernel.BF16, queryWork(m), rows},
		{d, prefill, 1},
		{d, work{rows * 2 * float64(c.Weights+c.Head), read}, captionTokens - 1}, // the first comes out of the prefill
	})
}

// step is work under a type that is done so many times.
type step struct {
	dtype kernel.DType
	work  work
	times float64
}

// leastTime is the shortest time for steps one after the other, their multiplications and bytes, and which of the two takes longer.
func (r *Runner) leastTime(steps []step) (least, flops, bytes float64, bound string) {
	var inMemory float64
	for _, s := range steps {
		seconds, memory := r.seconds(s.dtype, s.work)
		least, flops, bytes = least+s.times*seconds, flops+s.times*s.work.flops, bytes+s.times*s.work.bytes
		if memory {
			inMemory += s.times * seconds
		}
	}
	bound = "compute"
	if 2*inMemory > least {
		bound = "memory"
	}
	return least, flops, bytes, bound
}
