package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"dragoman/kernel"
	"dragoman/tensor"
)

// Options say how a recipe is run.
type Options struct {
	Resume   bool
	Force    bool           // resume under another kernel family
	Progress func(Progress) // nil, or who is told how far the run is; called often
	Notice   func(string)   // nil, or who is told what a person should know: rows left out, steps skipped
}

// Progress is how far a run is.
type Progress struct {
	Doing            string // what is being done
	Done, All        int    // of it
	Step, Steps      int    // of the stage, where Doing is a stage
	Part, Parts      int    // batches of the step that are done, and all that it gathers; 0 between steps
	Losses           map[string]float64
	SamplesPerSecond float64
	Left             time.Duration // 0: not known
}

// Run runs a recipe to its end.
func Run(ctx context.Context, r *Recipe, o Options) error {
	t := newTrainer(r, o)
	defer t.close()
	err := t.begin(ctx)
	if errors.Is(err, errFinished) {
		t.opt.Notice(r.Output + ": the run in this folder is finished")
		return nil
	}
	if err == nil {
		err = t.all(ctx)
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// newTrainer is a run that has not begun.
func newTrainer(r *Recipe, o Options) *trainer {
	t := &trainer{recipe: r, opt: o, out: folder{r.Output}}
	if t.opt.Progress == nil {
		t.opt.Progress = func(Progress) {}
	}
	if t.opt.Notice == nil {
		t.opt.Notice = func(string) {}
	}
	t.subject = &bridging{trainer: t}
	if r.Model.System == systemFlamingo {
		t.subject = &gating{trainer: t}
	}
	return t
}

// trainer is a run under way.
type trainer struct {
	recipe  *Recipe
	opt     Options
	out     folder
	subject subject
	system  system
	compute kernel.DType
	run     *tensor.Run
	train   *pairSet
	held    []pair
	views   *views
	adam    *adamW
	metrics *metricsLog
	state   state
	last    string // the checkpoint that the run goes on from, "" for none
	frozen  string // hash of what must not change
	lock    *os.File
}

func (t *trainer) close() {
	if t.metrics != nil {
		t.metrics.close()
	}
	if t.views != nil {
		t.views.close()
	}
	if t.train != nil {
		t.train.close()
	}
	if t.system != nil {
		t.system.Close()
	}
	if t.lock != nil {
		t.lock.Close()
	}
}

// begin opens everything that a run needs, and finds where to go on.
func (t *trainer) begin(ctx context.Context) error {
	r := t.recipe
	if err := t.unused(); err != nil {
		return err
	}
	if err := t.openData(ctx); err != nil {
		return err
	}
	if err := t.openModel(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.Output, 0o755); err != nil {
		return err
	}
	if err := t.hold(); err != nil {
		return err
	}
	if err := t.resume(); err != nil {
		return err
	}
	t.frozen = t.system.FrozenHash()
	t.views = newViews(t.system, r, t.compute)
	if err := t.views.fill(ctx, r, t.train, func(done, all int) {
		t.opt.Progress(Progress{Doing: "encoding pictures", Done: done, All: all})
	}); err != nil {
		return err
	}
	t.run = tensor.NewRun(tensor.Options{Compute: t.compute, Grad: true, Train: true})
	return nil
}

// openData reads the pairs, decodes every picture once, and leaves out what cannot be used.
func (t *trainer) openData(ctx context.Context) (err error) {
	r := t.recipe
	if t.train, err = openPairs(r.dir, r.Data.Train, r.Data); err != nil {
		return err
	}
	err = t.train.check(ctx, func(n int, f func(int)) {
		tensor.DefaultPool().Do(n, func(task, _ int) { f(task) })
	}, func(done int) {
		t.opt.Progress(Progress{Doing: "checking pictures", Done: done, All: len(t.train.pairs)})
	})
	if err != nil {
		return err
	}
	if t.train.report.Broken > 0 {
		t.opt.Notice(t.train.report.String())
	}
	if len(r.Data.Validation) > 0 {
		held, err := openPairs(r.dir, r.Data.Validation, r.Data)
		if err != nil {
			return err
		}
		if held.report.Broken > 0 {
			t.opt.Notice("to validate with: " + held.report.String())
		}
		t.held = held.pairs
		t.train.sources = append(t.train.sources, held.sources...)
		if err := held.none("data.validation", "validate with"); err != nil {
			return err
		}
	} else if r.Data.Hold > 0 {
		seed := r.Seed
		if r.Data.HoldSeed != nil {
			seed = *r.Data.HoldSeed
		}
		t.train.pairs, t.held = hold(t.train.pairs, r.Data.Hold, seed)
	}
	t.held = some(t.held, r.Data.Limit, r.Seed)
	if err := t.train.listPictures(); err != nil {
		return err
	}
	if err := t.train.none("data.train", "train on"); err != nil {
		return err
	}
	for i, held := range r.Report { // what is measured on in the end is said to be missing now
		set, err := t.openHeld(held)
		if err != nil {
			return fmt.Errorf("report.%d: %w", i, err)
		}
		set.close()
		if err := set.none(fmt.Sprintf("report.%d", i), "measure on"); err != nil {
			return err
		}
	}
	return nil
}

// openModel puts the model together, or opens the one to go on with.
func (t *trainer) openModel() (err error) {
	r := t.recipe
	switch r.DType {
	case "f32":
		t.compute = kernel.F32
	default:
		t.compute = kernel.BF16
	}
	if t.system, err = t.subject.open(); err != nil {
		return err
	}
	for i := range r.Stages {
		if err := t.subject.canLearn(&r.Stages[i]); err != nil {
			return fmt.Errorf("stage %s: %w", r.Stages[i].Name, err)
		}
	}
	return nil
}

// all runs the stages that are left, and writes the result.
func (t *trainer) all(ctx context.Context) error {
	for t.state.Stage < len(t.recipe.Stages) {
		st := &t.recipe.Stages[t.state.Stage]
		if err := t.stage(ctx, st); err != nil {
			return fmt.Errorf("stage %s: %w", st.Name, err)
		}
	}
	return t.finish(ctx)
}
