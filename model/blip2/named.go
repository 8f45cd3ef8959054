package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"dragoman/internal/plainjson"
	"dragoman/model"
	"dragoman/weights"
)

// A part of a model may be named instead of described: "weights" in its configuration is a file, a directory, or a model in the
// Hugging Face cache, whose own config.json says the rest. So LAVIS's bridges, which come without the frozen parts, are put onto them.

// complete fills in what a part's configuration leaves to the checkpoint that it names. key is where that checkpoint's config.json
// has the part, if it is that of a whole model.
func complete(f Files, p Part, key, fallback string) (Part, error) {
	at, err := p.Weights()
	if err != nil || at == "" || f.Packed != nil {
		return p, err
	}
	if at, err = f.Locate(at); err != nil {
		return p, err
	}
	raw, err := f.Below(at).ReadFile("config.json")
	if errors.Is(err, fs.ErrNotExist) || model.IsNotDir(err) {
		return p, nil // a file of weights: the configuration has to say everything
	}
	if err != nil {
		return p, err
	}
	fields := map[string]json.RawMessage{}
	if err := plainjson.Unmarshal(raw, &fields); err != nil {
		return p, fmt.Errorf("%s: config.json: %w", at, err)
	}
	if part, ok := fields[key]; ok {
		fields = nil
		if err := plainjson.Unmarshal(part, &fields); err != nil {
			return p, fmt.Errorf("%s: config.json: %s: %w", at, key, err)
		}
	}
	if err := plainjson.Unmarshal(p.JSON, &fields); err != nil { // what the model's own configuration says counts
		return p, fmt.Errorf("config.json: %s: %w", key, err)
	}
	if fields["weights"], err = json.Marshal(at); err != nil {
		return p, err
	}
	all, err := json.Marshal(fields)
	if err != nil {
		return p, err
	}
	return model.ParsePart(all, fallback)
}

// asTrained changes what LAVIS changed of the language models that it trained bridges for: where OPT's texts end, and T5's activation,
// which it takes exactly.
func (c *Config) asTrained() error {
	switch c.Language.Type {
	case model.OPT:
		c.Extras.LineEnds = true
	case model.T5:
		fields := map[string]json.RawMessage{}
		if err := plainjson.Unmarshal(c.Language.JSON, &fields); err != nil {
			return fmt.Errorf("config.json: text_config: %w", err)
		}
		fields["dense_act_fn"] = json.RawMessage(`"gelu"`)
		all, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		c.Language.JSON = all
	}
	return nil
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
