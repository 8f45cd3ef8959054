package dragoman

import (
	"dragoman/kernel"
	"dragoman/model/blip2"
)

// Convert writes a model's directory anew, its bridge quantised: see blip2.Model.Convert.
func Convert(name, dir, dtype string) error {
	path, err := resolve(name)
	if err != nil {
		return err
	}
	d, err := kernel.ParseDType(dtype)
	if err != nil {
		return err
	}
	m, err := blip2.Open(path, blip2.Options{Trainable: true})
	if err != nil {
		return err
	}
	defer m.Close()
	return m.Convert(dir, d)
}
