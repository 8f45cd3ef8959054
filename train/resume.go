package train

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"dragoman/internal/hint"
	"dragoman/kernel"
)

// errFinished is what resuming a finished run comes to.
var errFinished = errors.New("the run is finished")

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
