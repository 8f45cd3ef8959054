package model

import (
	"errors"
	"fmt"

	"dragoman/tensor"
	"dragoman/weights"
)

// Opened is the files that stay open as long as a model is.
type Opened []*weights.File

// Close gives them back. What was read of them must not be used afterwards.
func (o *Opened) Close() error {
	var errs []error
	for _, f := range *o {
		errs = append(errs, f.Close())
	}
	*o = nil
	return errors.Join(errs...)
}

// Restore reads the values of parameters that were saved under their names, of what path is called in errors.
func Restore(params []*tensor.Tensor, src weights.Source, path string) error {
	for _, p := range params {
		t, ok := src.Lookup(p.Name())
		if !ok || t.Len() != p.Len() {
			return fmt.Errorf("restore model: %s: tensor %s is missing or has another size", path, p.Name())
		}
		x, err := t.Float32()
		if err != nil {
			return fmt.Errorf("restore model: %s: %w", path, err)
		}
		copy(p.Data(), x)
	}
	return nil
}
