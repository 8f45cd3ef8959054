package train

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"dragoman/data"
	"dragoman/internal/rss"
	"dragoman/tensor"
)

// Plan is what a run would be: the data counted and checked, and the time and memory foreseen from a step of each stage.
type Plan struct {
	Train, Validation int         // pairs
	Pages             int         // to train on
	Report            data.Report // of the rows trained on
	Captions          int         // different ones
	Parameters        int         // of the bridge
	Trained           []int       // parameters that each stage trains
	Stages            []StagePlan
	Encode            time.Duration // making the features of the cache; 0 without one
	CacheBytes        int64         // of the cache on disk
	MemoryBytes       int64         // of the process at its largest
}

// StagePlan is one stage of a plan.
type StagePlan struct {
	Name    string
	Steps   int
	Samples int
	Epochs  float64
	Time    time.Duration
}

// Time is how long the whole run would take.
func (p *Plan) Time() time.Duration {
	total := p.Encode
	for _, s := range p.Stages {
		if s.Time > math.MaxInt64-total {
			return math.MaxInt64
		}
		total += s.Time
	}
	return total
}

// DryRun does everything of a run but the run: it checks the recipe, every row and every picture, puts the model together and
// takes a batch or two of each stage. Nothing is written.
func DryRun(ctx context.Context, r *Recipe, o Options) (*Plan, error) {
	t := newTrainer(r, o)
	defer t.close()
	p, err := t.plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("train: dry run: %w", err)
	}
	return p, nil
}

func (t *trainer) plan(ctx context.Context) (*Plan, error) {
	if err := t.openData(ctx); err != nil {
		return nil, err
	}
	if err := t.openModel(); err != nil {
		return nil, err
	}
	r := t.recipe
	p := &Plan{Train: len(t.train.pairs) - len(t.train.pictures), Validation: len(t.held), Report: t.train.report, Captions: t.subject.captions()}
	for _, src := range t.train.pages {
		p.Pages += len(src.rows)
	}
	for _, param := range t.system.Params() {
		p.Parameters += param.Len()
	}
	t.views = newViews(t.system, r, t.compute)
	t.run = tensor.NewRun(tensor.Options{Compute: t.compute, Grad: true, Train: true})
	if err := t.planEncoding(p); err != nil {
		return nil, err
	}
	for i := range r.Stages {
		t.state.Stage = i
		if err := t.planStage(ctx, p, &r.Stages[i]); err != nil {
			return nil, fmt.Errorf("stage %s: %w", r.Stages[i].Name, err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.MemoryBytes = max(int64(m.Sys), rss.Peak())
	return p, nil
}

// planPatience is how long a try may take that is made again, with memory at hand, for a better figure.
const planPatience = 10 * time.Second

// trying tells what is tried; with a large model that takes minutes.
func (t *trainer) trying(what string) { t.opt.Progress(Progress{Doing: "trying " + what, All: 1}) }

// planEncoding times the encoder on some pictures. Where features are not cached, they are part of every step.
func (t *trainer) planEncoding(p *Plan) error {
	if t.views.cached == 0 {
		return nil
	}
	reqs, _ := different(t.train.pairs)
	views := len(reqs) * t.views.stored()
	n := min(encodeBatch, len(reqs))
	reqs = reqs[:n]
	t.trying("the encoder")
	p.CacheBytes = int64(views) * int64(t.system.FeatureLen()) * 2
	for range 2 { // the first time, memory is got
		began := time.Now()
		if _, err := t.views.features(reqs); err != nil {
			return err
		}
		took := time.Since(began)
		p.Encode = took / time.Duration(n) * time.Duration(views)
		if took > planPatience {
			break
		}
	}
	return nil
}

// planStage learns from two of a stage's batches and times the second, for which memory has been got. A step that gathers many takes as often
// as long.
func (t *trainer) planStage(ctx context.Context, p *Plan, st *Stage) error {
	params := t.subject.params(st)
	trained := 0
	for _, param := range params {
		trained += param.Len()
	}
	p.Trained = append(p.Trained, trained)
	t.adam = t.optimizer(st, params)
	l, err := t.subject.learner(st, true)
	if err != nil {
		return err
	}
	var took time.Duration
	one := *st
	one.Accumulate = 1
	t.trying("stage " + st.Name)
	defer func() { t.state.Step = 0 }()
	for t.state.Step = range 2 {
		if err := ctx.Err(); err != nil {
			return err
		}
		began, encoding := time.Now(), t.views.took
		if _, _, err := t.step(ctx, &one, l, 0, nil); err != nil {
			return err
		}
		whole := time.Since(began)
		if took = whole; t.views.cached > 0 {
			took -= t.views.took - encoding // drawing and encoding the batch is the cache's time, not the step's
		}
		if whole > planPatience {
			break
		}
	}
	samples, rows := l.dealt()
	samples *= st.Steps * st.Accumulate
	p.Stages = append(p.Stages, StagePlan{
		Name: st.Name, Steps: st.Steps, Samples: samples, Epochs: float64(samples) / float64(rows),
		Time: times(took, st.Steps*st.Accumulate),
	})
	return nil
}

// times is a duration so many times over, or the longest that there is.
func times(d time.Duration, n int) time.Duration {
	if n > 0 && d > math.MaxInt64/time.Duration(n) {
		return math.MaxInt64
	}
	return d * time.Duration(n)
}
