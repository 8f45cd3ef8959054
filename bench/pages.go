package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"dragoman"
	"dragoman/internal/rss"
	"dragoman/kernel"
	"dragoman/model/flamingo"
	"dragoman/tensor"
)

func init() {
	Register(Part{Name: "train-pages", Run: trainPages, Opens: func(r *Runner) error {
		m, err := r.learning()
		if err == nil {
			err = m.Close()
		}
		return err
	}})
}

// What mini-flamingo's bridge is trained on here: pages of as many pictures, each with a name of a few tokens behind it. What the image
// encoder made of the pictures is given, as a run of training has it from the second epoch on.
const (
	lessonPages    = 16
	lessonPictures = 4
	lessonWords    = 6
	lessonLength   = lessonPictures * (lessonWords + 2) // a picture's token, the words, the end
)

// trainPages times whole steps of a Flamingo that was put together here: the loss through the frozen language model, the gradients of the
// bridge, and AdamW.
func trainPages(ctx context.Context, r *Runner) (err error) {
	r.free()
	rss.Reset()
	m, err := r.learning()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	params, raw, lessons := newLearned(m.Params()), Values(lessonPages*lessonPictures*m.FeatureLen()), randomLessons(m)
	for _, d := range r.types(kernel.BF16) {
		run := tensor.NewRun(tensor.Options{Compute: computeFor(d), Engine: r.Engine, Grad: true, Train: true, Seed: 1})
		step := func() error {
			params.zero()
			run.Reset()
			run.Backward(m.Loss(run, m.Media(run, raw), lessons), 1)
			params.step(r)
			return nil
		}
		if err := errors.Join(step(), step()); err != nil { // memory is got once
			return err
		}
		rec := Record{
			Part: "train-pages", What: cmp.Or(r.Model, "mini-flamingo"), Bound: "compute",
			Shape: []int{lessonPages, lessonPictures, lessonLength}, Flops: lessonFlops(m),
		}
		if err := r.measureItems(ctx, rec, d, lessonPages*lessonPictures, func(rec *Record, rate float64) {
			rec.SamplesPerS, rec.PeakRSS = rate, rss.Peak()
		}, step); err != nil {
			return err
		}
	}
	return nil
}

// learning is the Flamingo that is named, or the built-in one, whose bridge learns.
func (r *Runner) learning() (*flamingo.Model, error) {
	name := r.Model
	if name == "" || name == "mini" {
		name = "mini-flamingo"
	}
	path, err := dragoman.Locate(name)
	if err != nil {
		return nil, err
	}
	m, err := flamingo.Open(path, flamingo.Options{Trainable: true})
	if err == nil && !m.Own() {
		return nil, errors.Join(fmt.Errorf("%s: only a bridge that was put together here learns", path), m.Close())
	}
	return m, err
}

// randomLessons are pages of words at random, whose every word and end is to be predicted.
func randomLessons(m *flamingo.Model) []flamingo.Lesson {
	random := rand.New(rand.NewPCG(1, 2))
	image, end, _ := m.PageTokens()
	lessons := make([]flamingo.Lesson, lessonPages)
	for page := range lessons {
		l := &lessons[page]
		for picture := range lessonPictures {
			l.Pictures = append(l.Pictures, page*lessonPictures+picture)
			l.IDs, l.Learn = append(l.IDs, image), append(l.Learn, false)
			for range lessonWords {
				l.IDs, l.Learn = append(l.IDs, int32(random.IntN(m.Language.Config().Vocab))), append(l.Learn, true)
			}
			l.IDs, l.Learn = append(l.IDs, end), append(l.Learn, true)
			for range lessonWords + 2 {
				l.Sees = append(l.Sees, int32(picture+1))
			}
		}
	}
	return lessons
}

// lessonFlops is what a step needs. Backward, a product costs as much as forward for each operand that wants a gradient: of the frozen
// language model's only what passes through, of the bridge's both, of the encoder's features none.
func lessonFlops(m *flamingo.Model) float64 {
	const tokens, learnt = lessonPages * lessonLength, lessonPages * lessonPictures * (lessonWords + 1)
	c, pictures := cost(m.Language), float64(lessonPages*lessonPictures)
	frozen := 2*float64(c.Weights)*tokens + 2*float64(c.Head)*learnt
	attention := 4 * float64(c.Attention) * lessonPages * lessonLength * (lessonLength + 1) / 2
	r := m.Resampler.Config
	features := 0
	m.EachFeature(make([]float32, m.FeatureLen()), func([]float32) { features++ })
	projected := 0
	if slices.ContainsFunc(m.Params(), func(p *tensor.Tensor) bool { return strings.HasPrefix(p.Name(), "feature_projection.") }) {
		projected = m.FeatureLen() * r.Width
	}
	bridge := gatedWork(m.Gates, tokens, lessonPages*lessonPictures, r.Latents) + pictures*resamplerWork(r, features)
	return 2*frozen + 3*(attention+bridge) + 2*pictures*2*float64(projected)
}
