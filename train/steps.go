package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dragoman/internal/hint"
	"dragoman/kernel"
	"dragoman/tensor"
)

// ErrDiverged ends a run whose loss has stopped being a number for several steps.
var ErrDiverged = errors.New("the loss is not a number")

// patience is how many steps in a row may be skipped.
const patience = 5

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
		// One that is no number is the best of nothing. Where the parameters are to blame, the steps that follow end the run.
		maps.DeleteFunc(v, func(_ string, loss float64) bool { return !finite(loss) })
		loss, ok := v["loss"]
		if !ok {
			t.opt.Notice(fmt.Sprintf("stage %s: after step %d the validation's loss is not a number", st.Name, t.state.Step))
		}
		if len(v) > 0 {
			if err := t.metrics.add(Record{Stage: st.Name, Step: t.state.Step, Validation: v}); err != nil {
				return err
			}
		}
		if ok && t.state.Step > 0 && (t.state.BestStep == 0 || loss < t.state.Best) {
			t.state.Best, t.state.BestStep, better = loss, t.state.Step, true
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
