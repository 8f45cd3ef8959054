package train

import (
	"errors"
	"fmt"
	"os"

	"dragoman/hub"
	"dragoman/internal/builtin"
	"dragoman/internal/hint"
	"dragoman/kernel"
	"dragoman/model"
	"dragoman/model/blip2"
	"dragoman/weights"
)

// firstTemperature is what the contrast of a released matching model begins with, which comes without the one that it was trained with.
const firstTemperature = 0.07

// openFrom opens the model that a recipe goes on with. Its frozen parts stay mapped, or are rounded as the recipe says; what learns is
// float32, whatever it was stored as.
func openFrom(r *Recipe) (*blip2.Model, error) {
	path, err := r.findModel("from", r.Model.From)
	if err != nil {
		return nil, err
	}
	o := blip2.Options{Trainable: true}
	if f := r.Model.Frozen; f != "" && f != "stored" {
		d, err := kernel.ParseDType(f)
		if err != nil {
			return nil, fmt.Errorf("model.frozen: %w", err)
		}
		o.Precision = blip2.Precision{Matrices: d, Some: true}
	}
	var extra []weights.Source
	if r.Model.Extra != "" {
		f, err := weights.Open(r.path(r.Model.Extra))
		if err != nil {
			return nil, fmt.Errorf("model.extra: %w", err)
		}
		defer f.Close() // what learns is copied
		extra = append(extra, f)
	}
	for _, s := range r.Stages {
		if s.ITC != 0 {
			extra = append(extra, weights.NewMemory(weights.FromFloat32("temp", []int{1}, []float32{firstTemperature})))
			break
		}
	}
	if len(extra) > 0 {
		o.Extra = weights.Merge(extra...)
	}
	m, err := blip2.Open(path, o)
	if err == nil {
		if err = m.Writable(); err != nil { // said now, not when all was learnt
			err = model.OpenError(path, errors.Join(err, m.Close()))
		}
	}
	return m, err
}

// findModel is where a model, or a part of one, is that a recipe names under a key: a path from the recipe, or a name in the Hugging
// Face cache.
func (r *Recipe) findModel(key, name string) (string, error) {
	path := r.path(name)
	if _, err := os.Stat(path); name == "" || err == nil || builtin.Is(path) {
		return path, nil
	}
	if model, _ := hub.SplitRevision(name); !hub.IsName(model) {
		return path, nil // opening it says what is wrong
	}
	dir, err := hub.Lookup(name)
	if err != nil {
		return "", fmt.Errorf("model.%s: no such path here, and %w", key, err)
	}
	return dir, nil
}

// canLearn says which part a stage needs and the model has not.
func (t *bridging) canLearn(st *Stage) error {
	m := t.model
	h := m.Bridge.Heads
	if st.Kind == KindWarm {
		if m.Bridge.Head == nil {
			return errNoHead
		}
		return nil
	}
	if st.learns().First && m.Words == nil {
		return errors.New("the model has no text stream, which the first stage's losses need")
	}
	for _, need := range []struct {
		loss   string
		weight float32
		there  bool
		tensor string
	}{
		{"itc", st.ITC, h.Vision != nil && h.Text != nil, "vision_projection and text_projection"},
		{"itm", st.ITM, h.Match != nil, "itm_head"},
		{"itg", st.ITG, h.Language != nil, "cls.predictions"},
		{"lm", st.LM, m.Language != nil && m.Bridge.Prompt != nil, "a language model behind language_projection"},
	} {
		if need.weight != 0 && !need.there {
			return hint.Wrap(fmt.Errorf("%s: the model lacks %s", need.loss, need.tensor),
				"weigh the losses that it can learn from: itc, itm, itg, lm; model.extra names a file with tensors that are missing")
		}
	}
	return nil
}
