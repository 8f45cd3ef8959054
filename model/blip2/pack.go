package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"dragoman/kernel"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// A packed model is a GGUF file. Its tensors have the names that they have in a whole model; the small files of the model's directory
// are strings of its metadata, under model.FileKey and their names. A language model that comes from a GGUF file keeps the names and
// the metadata that it had there, below languageModule.
const (
	formatKey  = "dragoman.format"
	packFormat = 1
)

// packed says whether a file is a packed model.
func packed(f *weights.File) bool {
	_, ok := f.Meta[model.FileKey+"config.json"]
	return ok
}

// IsPacked says whether there is a packed model at path. A file that cannot be read is none.
func IsPacked(path string) bool {
	f, err := weights.Open(path)
	if err != nil {
		return false
	}
	whole := packed(f)
	return f.Close() == nil && whole
}

// smallFiles are the files of a model's directory that Open reads besides config.json and the weights; those of a tokenizer also in
// the folders of its parts.
var (
	tokenizerFiles = []string{
		"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
		"vocab.json", "merges.txt", "spiece.model", "tokenizer.model", "vocab.txt",
	}
	smallFiles = append([]string{"preprocessor_config.json", "processor_config.json", model.GenerationFile, memoryFile}, tokenizerFiles...)
)

// Pack writes the model at path, a directory or a file, into one GGUF file that Open takes, with matrices as p says; a language model by
// itself into one that OpenLanguage takes. Nothing but a few pieces of the tensors is in memory at a time.
func Pack(path, out string, p Precision) (err error) {
	k := packer{meta: weights.Meta{}}
	defer func() {
		if k.model != nil {
			err = errors.Join(err, k.model.Close())
		}
		if err = errors.Join(err, k.files.Close()); err != nil {
			err = fmt.Errorf("convert model: %w", err)
		}
	}()
	// Opening binds everything, as it lies: what is missing shows before anything is written.
	store, open := p.Store, Open
	if IsLanguage(path) {
		store, open = p.storeLanguage, OpenLanguage
	}
	if k.model, err = open(path, Options{bound: k.bound}); err != nil {
		return err
	}
	if k.files, err = model.Find(path); err != nil {
		return err
	}
	if f := k.files.Packed; f != nil && !packed(f) {
		k.addGGUF(f, "")
	} else if err := k.addFiles(); err != nil {
		return err
	}
	outputs := make([]weights.Output, len(k.tensors))
	for i, t := range k.tensors {
		outputs[i] = output(t, store)
	}
	return weights.StreamGGUF(out, outputs, k.meta)
}

// packer collects what goes into one file.
type packer struct {
	files   Files
	model   *Model
	tensors []weights.Tensor // in the order that they were bound in
	meta    weights.Meta
}

func (k *packer) bound(t weights.Tensor) { k.tensors = append(k.tensors, t) }

// output is a tensor as the file has it. What GGUF cannot say is written as float32.
func output(t weights.Tensor, store func(weights.Tensor) (kernel.DType, bool)) weights.Output {
	to := t.Type
	if d, ok := store(t); ok {
		to = weights.TypeOf(d)
	} else if !to.InGGUF() {
		to = weights.F32
	}
	return weights.Output{Name: t.Name, Type: to, Shape: t.Shape, Write: func(w io.Writer) error {
		return t.WriteAs(w, tensor.DefaultPool(), to)
	}}
}

// addFiles takes the small files, and a config.json in which the parts are in this file.
func (k *packer) addFiles() error {
	config := map[string]json.RawMessage{}
	raw, err := k.files.ReadFile("config.json")
	if err == nil {
		err = json.Unmarshal(raw, &config)
	}
	if err != nil {
		return err
	}
	var kind string
	if err := json.Unmarshal(config["model_type"], &kind); err != nil {
		return fmt.Errorf("config.json: model_type: %w", err)
	}
	k.meta["general.architecture"], k.meta[formatKey] = kind, uint64(packFormat)
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
		if config[p.key], err = packedPart(p.part, p.module); err != nil {
			return err
		}
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
	k.meta[model.FileKey+"config.json"] = string(raw)
	if err := k.copyFiles("", "", smallFiles); err != nil {
		return err
	}
	return k.copyFiles(wordsDir, wordsDir, tokenizerFiles)
}

// without is a JSON object less a key; nil for none.
func without(raw json.RawMessage, key string) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	delete(fields, key)
	return json.Marshal(fields)
}

// packedPart is a part's configuration with its weights below a module of the same file.
func packedPart(p Part, module string) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(p.JSON, &fields); err != nil {
		return nil, err
	}
	fields["weights"], _ = json.Marshal(module) // a string always can
	return json.Marshal(fields)
}

// addPart takes what a part's own checkpoint has besides the tensors that were bound.
func (k *packer) addPart(at, module string) error {
	f, err := k.files.Weights(at)
	if err != nil {
		return err
	}
	k.model.open = append(k.model.open, f) // its tensors are read when the file is written
	if f.Format == weights.GGUF && f.Meta.Architecture() != "" {
		k.addGGUF(f, module+".")
		return nil
	}
	return k.copyFiles(at, module, append([]string{model.GenerationFile}, tokenizerFiles...))
}

// addGGUF takes the whole file of a language model, all of it below a prefix. What was bound of it has other names than the file's.
func (k *packer) addGGUF(f *weights.File, prefix string) {
	for key, value := range f.Meta {
		k.meta[prefix+key] = value
	}
	k.tensors = slices.DeleteFunc(k.tensors, func(t weights.Tensor) bool { return strings.HasPrefix(t.Name, prefix) })
	for _, name := range f.Names() {
		t, _ := f.Lookup(name)
		t.Name = prefix + name
		k.tensors = append(k.tensors, t)
	}
}

// copyFiles takes those of the named files that a folder has.
func (k *packer) copyFiles(folder, to string, names []string) error {
	for _, name := range names {
		raw, err := k.files.ReadFile(path.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) || model.IsNotDir(err) {
			continue
		}
		if err != nil {
			return err
		}
		k.meta[model.FileKey+path.Join(to, name)] = string(raw)
	}
	return nil
}
