package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dragoman/internal/atomicfile"
	"dragoman/internal/filelock"
	"dragoman/internal/plainjson"
	"dragoman/internal/readfile"
	"dragoman/model/blip2"
	"dragoman/weights"
)

// state is what a checkpoint knows besides the parameters: where the run is.
type state struct {
	Version  int     `json:"version"`
	Recipe   string  `json:"recipe"` // hash of the resolved recipe, which must be the same
	Family   string  `json:"kernel_family"`
	Data     string  `json:"data,omitempty"` // hash of what is trained on and validated with; empty: made before there was one
	Stage    int     `json:"stage"`          // index of the stage under way
	Step     int     `json:"step"`           // steps of it that are done
	Updates  int     `json:"optimizer_steps"`
	Skipped  int     `json:"skipped"`
	InARow   int     `json:"skipped_in_a_row"`
	Metrics  int64   `json:"metrics_bytes"`
	Best     float64 `json:"best_validation"`
	BestStep int     `json:"best_step"` // of the stage; 0: none yet

	Matching *blip2.Matching `json:"matching,omitempty"` // of the model's configuration, once it is learnt
}

const stateVersion = 1

// check refuses a place where no run of these stages has been.
func (s state) check(stages []Stage) error {
	switch {
	case s.Stage < 0 || s.Stage > len(stages) || s.Step < 0 || s.Stage == len(stages) && s.Step > 0,
		s.Stage < len(stages) && s.Step > stages[s.Stage].Steps:
		return fmt.Errorf("step %d of stage %d: there is none", s.Step, s.Stage)
	case s.Updates < 0 || s.Skipped < 0 || s.InARow < 0 || s.Metrics < 0 || s.BestStep < 0:
		return errors.New("a number in it is negative")
	}
	return nil
}

const (
	checkpointPrefix = "checkpoint-"
	bestPrefix       = "best-"
	partSuffix       = ".part"
	oldSuffix        = ".old"
)

// folder is a run's folder.
type folder struct{ path string }

func (f folder) at(parts ...string) string {
	return filepath.Join(append([]string{f.path}, parts...)...)
}

// used says whether a run has been here.
func (f folder) used() (bool, error) {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}

// lock takes the folder for this run until the file is closed. Where the file system, or the system, knows no locks on folders, it is
// taken by whoever asks.
func (f folder) lock() (*os.File, error) {
	dir, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	if held, err := filelock.Try(dir); err == nil && !held {
		dir.Close()
		return nil, fmt.Errorf("%s: another process is training in this folder", f.path)
	}
	return dir, nil
}

// begunLine stands above the recipe in the run's folder, for who resumes before there is a checkpoint.
const begunLine = "# begun as %s with the kernels for %s\n"

// begin writes what a run begins with.
func (f folder) begin(recipe []byte, hash, family string) error {
	return atomicfile.WriteBytes(f.at("recipe.yaml"), append(fmt.Appendf(nil, begunLine, hash, family), recipe...))
}

// begun is the hash of the recipe and the kernel family that a run began with; empty where its folder does not tell.
func (f folder) begun() (hash, family string, err error) {
	raw, err := readfile.Any(f.at("recipe.yaml"), maxRecipe)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		err = fmt.Errorf("%s: %w", f.at("recipe.yaml"), err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	if n, _ := fmt.Sscanf(line+"\n", begunLine, &hash, &family); n != 2 {
		hash, family = "", ""
	}
	return hash, family, err
}

// writeDir makes a directory whole or not at all: write fills a neighbour, which takes the name when everything is on the disk.
func (f folder) writeDir(name string, write func(dir string) error) error {
	part, final := f.at(name+partSuffix), f.at(name)
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	if err := write(part); err != nil {
		return err
	}
	if err := f.remove(name + oldSuffix); err != nil {
		return err
	}
	if err := os.Rename(final, f.at(name+oldSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(part, final); err != nil {
		return err
	}
	if err := syncDir(f.path); err != nil {
		return err
	}
	return os.RemoveAll(f.at(name + oldSuffix))
}

// remove takes a directory away as a whole: what a kill leaves of it no longer has its name.
func (f folder) remove(name string) error {
	if !temporary(name) {
		if err := os.RemoveAll(f.at(name + partSuffix)); err != nil {
			return err
		}
		err := os.Rename(f.at(name), f.at(name+partSuffix))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name += partSuffix
	}
	return os.RemoveAll(f.at(name))
}

// temporary says whether a directory is one that is being written or removed.
func temporary(name string) bool {
	return strings.HasSuffix(name, partSuffix) || strings.HasSuffix(name, oldSuffix)
}

// latest is the last checkpoint with its state; ok is false where there is none.
func (f folder) latest() (name string, s state, ok bool, err error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return "", state{}, false, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), checkpointPrefix) || temporary(e.Name()) {
			continue
		}
		raw, err := os.ReadFile(f.at(e.Name(), "trainer.json"))
		if err != nil {
			return "", state{}, false, err
		}
		var found state
		if err := plainjson.Unmarshal(raw, &found); err != nil {
			return "", state{}, false, fmt.Errorf("%s: %w", f.at(e.Name(), "trainer.json"), err)
		}
		if !ok || found.Stage > s.Stage || (found.Stage == s.Stage && found.Step > s.Step) {
			name, s, ok = e.Name(), found, true
		}
	}
	return name, s, ok, nil
}

// any is the path of some directory whose name begins so and that is whole; "" where there is none.
func (f folder) any(prefixes ...string) (string, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		for _, p := range prefixes {
			if strings.HasPrefix(e.Name(), p) && !temporary(e.Name()) {
				return f.at(e.Name()), nil
			}
		}
	}
	return "", nil
}

// tidy removes directories that a run makes for itself, except those to keep, and what a kill left of files.
func (f folder) tidy(keep ...string) error {
	if err := atomicfile.Sweep(f.path); err != nil {
		return err
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, k := range keep {
		kept[k] = true
	}
	for _, e := range entries {
		own := strings.HasPrefix(e.Name(), checkpointPrefix) || strings.HasPrefix(e.Name(), bestPrefix) ||
			temporary(e.Name())
		if own && !kept[e.Name()] {
			if err := f.remove(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeMoments stores the optimiser, and what else a stage needs to go on, beside the model.
func (o *adamW) writeMoments(dir string, more ...weights.Tensor) error {
	tensors := more
	for _, s := range o.params {
		tensors = append(tensors,
			weights.FromFloat32("m."+s.param.Name(), s.param.Shape(), s.m),
			weights.FromFloat32("v."+s.param.Name(), s.param.Shape(), s.v))
	}
	return weights.WriteSafetensors(filepath.Join(dir, "trainer.safetensors"), tensors, nil)
}

// readMoments is writeMoments' way back.
func (o *adamW) readMoments(dir string) error {
	path := filepath.Join(dir, "trainer.safetensors")
	file, err := weights.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, s := range o.params {
		if err := errors.Join(readInto(file, "m."+s.param.Name(), s.m), readInto(file, "v."+s.param.Name(), s.v)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// readInto copies a stored tensor into values of the same number.
func readInto(src weights.Source, name string, to []float32) error {
	t, ok := src.Lookup(name)
	if !ok {
		return fmt.Errorf("tensor %q is missing", name)
	}
	x, err := t.Float32()
	if err != nil {
		return err
	}
	if len(x) != len(to) {
		return fmt.Errorf("tensor %q has %d values, not %d", name, len(x), len(to))
	}
	copy(to, x)
	return nil
}

// syncDir makes renames in a directory last.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// writeJSON writes a value as an indented file that ends in a newline.
func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}
