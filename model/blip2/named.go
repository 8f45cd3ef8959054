package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"dragoman/hub"
	"dragoman/internal/builtin"
	"dragoman/internal/hint"
	"dragoman/weights"
)

// A part of a model may be named instead of described: "weights" in its configuration is a file, a directory, or a model in the
// Hugging Face cache, whose own config.json says the rest. So LAVIS's bridges, which come without the frozen parts, are put onto them.

// locate is the name by which f finds a part's weights: itself, or the folder of a model in the Hugging Face cache.
func (f Files) locate(name string) (string, error) {
	path := f.where(name)
	model, revision := hub.SplitRevision(name)
	if f.packed != nil || builtin.Is(path) || filepath.IsAbs(name) || !hub.IsName(model) {
		return name, nil
	}
	if _, err := os.Stat(path); err == nil {
		return name, nil
	}
	cache, err := hub.FromEnvironment()
	if err != nil {
		return "", err
	}
	dir, err := cache.Find(model, revision)
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("%s: neither a file here nor in the Hugging Face cache", name), "dragoman pull %s", model)
	}
	return dir, nil
}

// complete fills in what a part's configuration leaves to the checkpoint that it names. key is where that checkpoint's config.json
// has the part, if it is that of a whole model.
func (f Files) complete(p Part, key, fallback string) (Part, error) {
	at, err := p.weights()
	if err != nil || at == "" || f.packed != nil {
		return p, err
	}
	if at, err = f.locate(at); err != nil {
		return p, err
	}
	raw, err := f.Below(at).ReadFile("config.json")
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return p, nil // a file of weights: the configuration has to say everything
	}
	if err != nil {
		return p, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return p, fmt.Errorf("%s: config.json: %w", at, err)
	}
	if part, ok := fields[key]; ok {
		fields = nil
		if err := json.Unmarshal(part, &fields); err != nil {
			return p, fmt.Errorf("%s: config.json: %s: %w", at, key, err)
		}
	}
	if err := json.Unmarshal(p.JSON, &fields); err != nil { // what the model's own configuration says counts
		return p, fmt.Errorf("config.json: %s: %w", key, err)
	}
	if fields["weights"], err = json.Marshal(at); err != nil {
		return p, err
	}
	all, err := json.Marshal(fields)
	if err != nil {
		return p, err
	}
	return parsePart(all, fallback)
}

// translated shows a checkpoint under transformers' names, where LAVIS wrote it.
func translated(f *weights.File) (weights.Source, error) {
	if !weights.IsLAVIS(f) {
		return f, nil
	}
	src, err := weights.LAVIS(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	}
	return src, nil
}
