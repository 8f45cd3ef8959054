package model

import (
	"fmt"
	"slices"

	"dragoman/tensor"
	"dragoman/weights"
)

// Recorder is an observer that copies what passes, a name's last value.
type Recorder struct {
	// Out is what passed, in order, float32.
	Out []weights.Tensor
	// Name, if set, says what a path inside the program is called outside.
	Name func(path string) string

	wanted func(string) bool
	maps   bool
	at     map[string]int
}

// Module implements tensor.Observer.
func (r *Recorder) Module(path string, out *tensor.Tensor) { r.Keep(path, out) }

// WantsModule implements tensor.Observer.
func (r *Recorder) WantsModule(path string) bool { return r.wanted == nil || r.wanted(r.name(path)) }

// WantsMap implements tensor.Observer.
func (r *Recorder) WantsMap(path string) bool {
	return r.maps && r.WantsModule(path)
}

func (r *Recorder) name(path string) string {
	if r.Name == nil {
		return path
	}
	return r.Name(path)
}

// Map implements tensor.Observer.
func (r *Recorder) Map(path string, probs *tensor.Tensor) { r.Keep(path, probs) }

// Keep copies a tensor, if it is wanted.
func (r *Recorder) Keep(name string, t *tensor.Tensor) {
	name = r.name(name)
	if r.wanted != nil && !r.wanted(name) {
		return
	}
	values := t.Floats()
	if t.Data() != nil { // which the run goes on with
		values = slices.Clone(values)
	}
	w := weights.FromFloat32(name, slices.Clone(t.Shape()), values)
	if i, again := r.at[name]; again {
		r.Out[i] = w
		return
	}
	r.at[name] = len(r.Out)
	r.Out = append(r.Out, w)
}

// NewRecorder keeps what passes under names that are wanted (nil: all), attention weights too if maps is set.
func NewRecorder(wanted func(name string) bool, maps bool) *Recorder {
	return &Recorder{wanted: wanted, maps: maps, at: map[string]int{}}
}

// Gradients runs the backward of a loss and keeps the gradients of the parameters whose names are wanted, as grad.NAME.
func (r *Recorder) Gradients(run *tensor.Run, loss *tensor.Tensor, params []*tensor.Tensor, wanted func(name string) bool) {
	for _, w := range params {
		w.ZeroGrad()
	}
	run.Backward(loss, 1)
	for _, w := range params {
		name := r.name(w.Name())
		if !wanted(name) {
			continue
		}
		g := w.Grad()
		if g == nil { // the loss does not depend on it
			g = make([]float32, w.Len())
		}
		r.Out = append(r.Out, weights.FromFloat32("grad."+name, w.Shape(), slices.Clone(g)))
	}
}

// Trace asks what goes through a model: one forward pass over given inputs, with every module's output kept.
type Trace struct {
	Inputs weights.Source         // under the names of the reference's forward arguments
	Select func(name string) bool // which outputs; nil: all
	Maps   bool                   // attention weights too
	Grad   func(name string) bool // nil, or of which parameters the loss's gradients are wanted; the model was opened with gradients
}

// Run runs a pass, which gives its loss or nil, and returns the outputs, float32, under outside's names (nil: the program's own). Gradients
// are those of params, and need a loss: without one, needs says what is missing.
func (t Trace) Run(opt tensor.Options, outside func(path string) string, params []*tensor.Tensor, needs string, pass func(run *tensor.Run, seen *Recorder) (*tensor.Tensor, error)) ([]weights.Tensor, error) {
	seen := NewRecorder(t.Select, t.Maps)
	seen.Name = outside
	opt.Observer, opt.Grad = seen, t.Grad != nil
	run := tensor.NewRun(opt)
	loss, err := pass(run, seen)
	if err == nil && loss == nil && t.Grad != nil {
		err = fmt.Errorf("gradients need a loss: %s", needs)
	}
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if t.Grad != nil {
		seen.Gradients(run, loss, params, t.Grad)
	}
	return seen.Out, nil
}

// Ints reads a matrix of whole numbers; absent is nil without an error.
func Ints(inputs weights.Source, name string) (values []int32, rows int, err error) {
	w, ok := inputs.Lookup(name)
	if !ok {
		return nil, 0, nil
	}
	x, err := w.Float32()
	if err != nil {
		return nil, 0, err
	}
	if len(w.Shape) < 1 || len(w.Shape) > 2 || len(x) == 0 {
		return nil, 0, fmt.Errorf("%s: %v is not [rows, tokens]", name, w.Shape)
	}
	values = make([]int32, len(x))
	for i, v := range x {
		if v != v || v > 1<<30 || v < -1<<30 || v != float32(int32(v)) {
			return nil, 0, fmt.Errorf("%s: %v is not a whole number in range", name, v)
		}
		values[i] = int32(v)
	}
	return values, w.Shape[0], nil
}
