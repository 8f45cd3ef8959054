package blip2

import (
	"slices"
	"strings"

	"dragoman/weights"
)

// fits refuses a model whose weights are larger than the memory. The parts are those that have checkpoints of their own; own is nil
// where all have.
func (o Options) fits(files Files, own weights.Source, parts map[string]Part) error {
	if o.Room.Bytes <= 0 {
		return nil
	}
	var peek opened
	defer peek.close() // only looked at
	var all []weights.Tensor
	collect := func(src weights.Source, wanted func(name string) bool) {
		for _, name := range src.Names() {
			if t, ok := src.Lookup(name); ok && wanted(name) {
				all = append(all, t)
			}
		}
	}
	var elsewhere []string
	for module, p := range parts {
		at, err := p.Weights()
		if err != nil {
			return err
		}
		if at == "" {
			continue
		}
		src, _, err := peek.source(p, files, nil, module+".")
		if err != nil {
			return err
		}
		elsewhere = append(elsewhere, module+".")
		collect(src, func(name string) bool { return strings.HasPrefix(name, module+".") })
	}
	if own != nil {
		collect(own, func(name string) bool {
			return !slices.ContainsFunc(elsewhere, func(module string) bool { return strings.HasPrefix(name, module) })
		})
	}
	return o.Room.Fits(all, o.Precision, o.All)
}
