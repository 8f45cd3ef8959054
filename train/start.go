package train

import (
	"fmt"
	"path"

	"dragoman/model/blip2"
)

// StartSpec names a trained model whose tensors are the first values of some of the bridge's.
type StartSpec struct {
	Model   string   `yaml:"model"`
	Tensors []string `yaml:"tensors"` // globs of their names; one that fits nothing of the same shape in both is an error
}

// startFrom gives the bridge its first values from another model.
func startFrom(m *blip2.Model, r *Recipe) error {
	s := r.Model.Start
	if s.Model == "" {
		return nil
	}
	where, err := r.findModel("start", s.Model)
	if err != nil {
		return err
	}
	from, err := blip2.Open(where, blip2.Options{Trainable: true})
	if err != nil {
		return fmt.Errorf("model.start: %w", err)
	}
	defer from.Close()
	values := map[string][]float32{}
	for _, p := range from.Values() {
		values[p.Name()] = p.Floats()
	}
	for _, glob := range s.Tensors {
		fitting := 0
		for _, p := range m.Values() {
			if ok, err := path.Match(glob, p.Name()); err != nil {
				return fmt.Errorf("model.start.tensors: %q: %w", glob, err)
			} else if v := values[p.Name()]; ok && len(v) == p.Len() {
				copy(p.Data(), v)
				fitting++
			}
		}
		if fitting == 0 {
			return fmt.Errorf("model.start.tensors: %q fits no tensor of the same shape in both models", glob)
		}
	}
	m.Settle()
	return nil
}
