package blip2

import (
	"encoding/json"
	"errors"
	"fmt"

	"dragoman/internal/plainjson"
	"dragoman/model"
	"dragoman/weights"
)

// A language model that comes from a GGUF file keeps the names and the metadata that it had there in a packed one, below languageModule.

// IsPacked says whether there is a packed model at path. A file that cannot be read is none.
func IsPacked(path string) bool {
	f, err := weights.Open(path)
	if err != nil {
		return false
	}
	whole := model.IsPacked(f)
	return f.Close() == nil && whole
}

// smallFiles are the files of a model's directory that Open reads besides config.json and the weights; those of a tokenizer also in
// the folders of its parts.
var (
	tokenizerFiles = model.TokenizerFiles
	smallFiles     = append([]string{memoryFile}, model.SmallFiles...)
)

// Pack writes the model at path, a directory or a file, into one GGUF file that Open takes, with matrices as p says; a language model by
// itself into one that OpenLanguage takes. Nothing but a few pieces of the tensors is in memory at a time.
func Pack(path, out string, p Precision) (err error) {
	k := packer{Packer: model.Packer{Meta: weights.Meta{}}}
	defer func() {
		if k.model != nil {
			err = errors.Join(err, k.model.Close())
		}
		if err = errors.Join(err, k.Files.Close()); err != nil {
			err = fmt.Errorf("convert model: %w", err)
		}
	}()
	// Opening binds everything, as it lies: what is missing shows before anything is written.
	store, open := p.Store, Open
	if IsLanguage(path) {
		store, open = p.StoreLanguage, OpenLanguage
	}
	if k.model, err = open(path, Options{bound: k.Bound}); err != nil {
		return err
	}
	if k.Files, err = model.Find(path); err != nil {
		return err
	}
	if f := k.Files.Packed; f != nil && !model.IsPacked(f) {
		k.AddGGUF(f, "")
	} else if err := k.addFiles(); err != nil {
		return err
	}
	return k.Write(out, store)
}

// packer collects what goes into one file.
type packer struct {
	model.Packer
	model *Model
}

// addFiles takes the small files, and a config.json in which the parts are in this file.
func (k *packer) addFiles() error {
	config := map[string]json.RawMessage{}
	raw, err := k.Files.ReadFile("config.json")
	if err == nil {
		err = plainjson.Unmarshal(raw, &config)
	}
	if err != nil {
		return err
	}
	var kind string
	if err := plainjson.Unmarshal(config["model_type"], &kind); err != nil {
		return fmt.Errorf("config.json: model_type: %w", err)
	}
	for _, p := range []struct {
		key, module string
		part        Part
	}{{"vision_config", visionModule, k.model.Config.Vision}, {"text_config", languageModule, k.model.Config.Language}} {
		if config[p.key] == nil { // of a language model by itself, whose config.json is its own
			continue
		}
		at, err := p.part.Weights()
		if err != nil {
			return err
		}
		if at == "" {
			continue
		}
		inside, err := p.part.Inside(p.module)
		if err != nil {
			return err
		}
		config[p.key] = inside.JSON
		if err := k.addPart(at, p.module); err != nil {
			return err
		}
	}
	if config["dragoman"], err = without(config["dragoman"], "weights"); err != nil {
		return err
	}
	if config["dragoman"] == nil {
		delete(config, "dragoman")
	}
	if raw, err = json.MarshalIndent(config, "", "  "); err != nil {
		return err
	}
	k.Begin(kind, raw)
	if err := k.Copy("", "", smallFiles); err != nil {
		return err
	}
	return k.Copy(wordsDir, wordsDir, tokenizerFiles)
}

// without is a JSON object less a key; nil for none.
func without(raw json.RawMessage, key string) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	fields := map[string]json.RawMessage{}
	if err := plainjson.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	delete(fields, key)
	return json.Marshal(fields)
}

// addPart takes what a part's own checkpoint has besides the tensors that were bound.
func (k *packer) addPart(at, module string) error {
	f, err := k.Files.Weights(at)
	if err != nil {
		return err
	}
	k.model.open = append(k.model.open, f) // its tensors are read when the file is written
	return k.AddPart(f, at, module)
}
