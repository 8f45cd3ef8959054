package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"dragoman/internal/hint"
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

// ErrDiverged ends a run whose loss has stopped being a number for several steps.
var ErrDiverged = errors.New("the loss is not a number")

// errFinished is what resuming a finished run comes to.
var errFinished = errors.New("the run is finished")

// patience is how many steps in a row may be skipped.
const patience = 5

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

// unused is an error where a run has been in the folder that this one does not go on with.
func (t *trainer) unused() error {
	used, err := t.out.used()
	if err == nil && used && !t.opt.Resume {
		err = hint.Wrap(fmt.Errorf("%s: there is a run in this folder", t.out.path), "--resume goes on with it; --set output=FOLDER begins another")
	}
	return err
}

// hold keeps other processes out of the folder until the run is closed: two runs would remove each other's checkpoints.
func (t *trainer) hold() (err error) {
	if t.lock, err = t.out.lock(); err != nil {
		return err
	}
	return t.unused() // by a run that was here meanwhile
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

// resume loads the last checkpoint, if there is one and it belongs to this recipe.
func (t *trainer) resume() error {
	hash, err := t.recipe.hash()
	if err != nil {
		return err
	}
	family := kernel.Default().Family().String()
	name, s, ok, err := t.out.latest()
	if err != nil {
		return err
	}
	if !ok {
		recipe, begun, err := t.out.begun()
		if err != nil {
			return err
		}
		_, err = os.Stat(t.out.at("model", "config.json"))
		finished := err == nil
		if begun == "" || finished { // a folder that does not tell, or nothing left to compute
			begun = family
		}
		if err := t.same(cmp.Or(recipe, hash), hash, begun, family); err != nil {
			return err
		}
		if finished {
			if err := t.out.tidy(); err != nil {
				return err
			}
			return errFinished
		}
		t.state = state{Version: stateVersion, Recipe: hash, Family: family, Data: t.dataHash()}
		if err := t.out.tidy(); err != nil {
			return err
		}
		raw, err := t.recipe.YAML()
		if err != nil {
			return err
		}
		if err := t.out.begin(raw, hash, family); err != nil {
			return err
		}
		t.metrics, err = openMetrics(t.out.path, 0)
		return err
	}
	if s.Version != stateVersion {
		return fmt.Errorf("%s: made by another version of this program (%d, not %d)", t.out.at(name), s.Version, stateVersion)
	}
	if err := t.same(s.Recipe, hash, s.Family, family); err != nil {
		return err
	}
	if now := t.dataHash(); s.Data != "" && s.Data != now && !t.opt.Force {
		return hint.Wrap(fmt.Errorf("%s: the data are not those that this run began with: rows came, went or changed", t.out.path), "--force goes on anyway, and ends in other bytes")
	}
	if err := s.check(t.recipe.Stages); err != nil {
		return fmt.Errorf("%s: %w", t.out.at(name, "trainer.json"), err)
	}
	if err := t.system.Restore(t.out.at(name)); err != nil {
		return err
	}
	t.state, t.last = s, name
	t.subject.restored(s)
	if t.metrics, err = openMetrics(t.out.path, s.Metrics); err != nil {
		return err
	}
	return t.out.tidy(name, t.bestName())
}

// same says whether a run that began with a recipe and a kernel family goes on with them.
func (t *trainer) same(began, recipe, beganWith, family string) error {
	switch {
	case began != recipe:
		return hint.Wrap(fmt.Errorf("%s: the recipe is not the one that this run began with", t.out.path), "the recipe it began with is %s", t.out.at("recipe.yaml"))
	case beganWith != family && !t.opt.Force:
		return hint.Wrap(fmt.Errorf("%s: the run was made with the kernels for %s, this would go on with %s, and end in other bytes", t.out.path, beganWith, family), "--isa %s goes on as before, --force goes on anyway", beganWith)
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

// stage runs one stage from where it is to its end.
func (t *trainer) stage(ctx context.Context, st *Stage) error {
	params := t.subject.params(st)
	t.adam = t.optimizer(st, params)
	if t.state.Step > 0 {
		if err := t.adam.readMoments(t.out.at(t.last)); err != nil {
			return err
		}
		t.adam.steps = t.state.Updates
	}
	l, err := t.subject.learner(st, false)
	if err != nil {
		return err
	}
	if st.Steps == 0 { // the regression is all there is
		return t.checkpoint(st, l)
	}
	sums, count := map[string]float64{}, 0
	var rate, norm float64
	samples, _ := l.dealt()
	meter := newMeter(samples * st.Accumulate)
	for index := t.state.Stage; t.state.Stage == index; {
		if err := ctx.Err(); err != nil {
			return err
		}
		rate = st.rate(t.state.Step)
		losses, n, err := t.step(ctx, st, l, rate, func(part int) { t.opt.Progress(meter.within(st, t.state.Step, part)) })
		if err != nil {
			return err
		}
		t.state.Step++
		if losses != nil {
			norm = n
			for name, v := range losses {
				sums[name] += v
			}
			count++
		}
		t.opt.Progress(meter.at(st, t.state.Step, losses))
		pausing := t.state.Step%st.Every == 0 || t.state.Step == st.Steps
		// Means begin anew at a checkpoint, so that a resumed run writes the same lines.
		if t.state.Step%st.Log == 0 || pausing {
			if err := t.metrics.add(Record{
				Stage: st.Name, Step: t.state.Step, Rate: rate, GradNorm: norm, Losses: means(sums, count), Skipped: t.state.Skipped,
			}); err != nil {
				return err
			}
			clear(sums)
			count, norm = 0, 0
		}
		if pausing {
			if err := t.checkpoint(st, l); err != nil {
				return err
			}
			meter.pause()
		}
	}
	return nil
}

// optimizer is a stage's, of the parameters that it trains. A group of rates that none of them is in is told of.
func (t *trainer) optimizer(st *Stage, params []*tensor.Tensor) *adamW {
	for _, g := range st.Groups {
		if !slices.ContainsFunc(params, func(p *tensor.Tensor) bool { return strings.Contains(p.Name(), g.Match) }) {
			t.opt.Notice(fmt.Sprintf("stage %s: lr_groups: %q is in the name of no parameter that learns", st.Name, g.Match))
		}
	}
	return newAdamW(kernel.Default(), params, st.Groups)
}

// step makes one update out of the batches that it gathers, and tells after each that is not the last. The losses are nil where the step was
// skipped.
func (t *trainer) step(ctx context.Context, st *Stage, l learner, rate float64, tell func(part int)) (losses map[string]float64, norm float64, err error) {
	t.adam.zero()
	losses = map[string]float64{}
	for part := range st.Accumulate {
		if part > 0 { // with a large model a batch takes minutes
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			tell(part)
		}
		t.run.Reset()
		t.run.SetSeed(mix(t.recipe.Seed, "dropout", uint64(t.state.Stage), uint64(t.state.Step), uint64(part)))
		parts, total, err := l.losses(uint64(t.state.Step*st.Accumulate + part))
		if err != nil {
			return nil, 0, err
		}
		t.run.Backward(total, 1/float32(st.Accumulate))
		for name, v := range parts {
			losses[name] += v / float64(st.Accumulate)
		}
	}
	norm = t.adam.norm()
	if !finite(norm) || !finite(losses["loss"]) {
		t.state.Skipped++
		t.state.InARow++
		t.opt.Notice(fmt.Sprintf("stage %s: step %d skipped: its loss or gradient is not a number", st.Name, t.state.Step+1))
		if t.state.InARow >= patience {
			return nil, 0, hint.Wrap(fmt.Errorf("%w in %d steps one after another, the last of them step %d", ErrDiverged, patience, t.state.Step+1),
				"a smaller lr, or clip, keeps a run together")
		}
		return nil, 0, nil
	}
	t.state.InARow = 0
	t.adam.step(st, rate, norm)
	return losses, norm, nil
}

// checkpoint validates and writes where the run is. It goes on to the next stage after a stage's last step.
func (t *trainer) checkpoint(st *Stage, l learner) error {
	t.state.Updates = t.adam.steps
	better := false
	if len(t.held) > 0 {
		v, err := l.validate()
		if err != nil {
			return err
		}
		if err := t.metrics.add(Record{Stage: st.Name, Step: t.state.Step, Validation: v}); err != nil {
			return err
		}
		if t.state.Step > 0 && (t.state.BestStep == 0 || v["loss"] < t.state.Best) {
			t.state.Best, t.state.BestStep, better = v["loss"], t.state.Step, true
		}
	}
	if err := t.metrics.sync(); err != nil {
		return err
	}
	t.state.Metrics = t.metrics.size
	done := t.state
	if done.Step == st.Steps {
		done.Stage, done.Step, done.Updates, done.InARow = done.Stage+1, 0, 0, 0
	}
	if better {
		if err := t.out.writeDir(t.bestName(), t.save); err != nil {
			return err
		}
	}
	best := t.bestName()
	if done.Stage != t.state.Stage && done.Stage < len(t.recipe.Stages) {
		done.Best, done.BestStep = 0, 0
	}
	if err := drawCurves(t.out.path, t.recipe.Stages, t.metrics.records); err != nil {
		return err
	}
	name := fmt.Sprintf("%s%s-%06d", checkpointPrefix, st.Name, t.state.Step)
	err := t.out.writeDir(name, func(dir string) error {
		if err := t.save(dir); err != nil {
			return err
		}
		if err := t.adam.writeMoments(dir, l.keep()...); err != nil {
			return err
		}
		return writeJSON(dir+"/trainer.json", done)
	})
	if err != nil {
		return err
	}
	t.state = done
	return t.out.tidy(name, best)
}

// bestName is the folder of the stage's best checkpoint so far.
func (t *trainer) bestName() string {
	if t.state.BestStep == 0 {
		return ""
	}
	stage := t.recipe.Stages[min(t.state.Stage, len(t.recipe.Stages)-1)]
	return fmt.Sprintf("%s%s-%06d", bestPrefix, stage.Name, t.state.BestStep)
}

// means divides sums; nil where nothing was counted.
func means(sums map[string]float64, count int) map[string]float64 {
	if count == 0 {
		return nil
	}
	out := make(map[string]float64, len(sums))
	for name, v := range sums {
		out[name] = v / float64(count)
	}
	return out
}

// save writes the model of a checkpoint. Frozen parts that belong into it are written once, and linked from then on.
func (t *trainer) save(dir string) error {
	like, err := t.out.any(checkpointPrefix, bestPrefix)
	if err != nil {
		return err
	}
	return t.system.Checkpoint(dir, like)
}
