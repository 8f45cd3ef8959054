package blip2

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"dragoman/model"
	"dragoman/weights"
)

// A model that came as one directory, frozen parts included, is saved as one, so that transformers loads what was trained as it loaded
// what came in: the config.json as it was, the tokenizer's and the processor's files, the frozen tensors byte by byte. So is one that was
// put together here, where transformers has a class for it. What that class has no place for stands in a file of its own,
// firstStageFile, which only Open reads.
//
//	config.json, tokenizer.json, preprocessor_config.json, …
//	model.safetensors                     or, if that were larger than largestFile, and in a checkpoint, as two shards:
//	model-00001-of-00002.safetensors      what learns
//	model-00002-of-00002.safetensors      the frozen parts
//	model.safetensors.index.json
//	first_stage.safetensors               heads and what else the first stage needs besides

const (
	firstStageFile = "first_stage.safetensors"
	trainedShard   = "model-00001-of-00002.safetensors"
	frozenShard    = "model-00002-of-00002.safetensors"
	indexFile      = "model.safetensors.index.json"
	wholeFile      = "model.safetensors"
	largestFile    = 5 << 30 // bytes
)

// origin is what a whole model's directory holds besides tensors.
type origin struct {
	config []byte            // config.json
	small  map[string][]byte // other files, by their names
}

// keepOrigin remembers config.json, if the directory that it is of holds everything that its model is.
func (m *Model) keepOrigin(config []byte) error {
	if m.packed || !m.sayable() {
		return nil
	}
	for _, p := range []Part{m.Config.Vision, m.Config.Language} {
		if at, err := p.Weights(); err != nil || at != "" {
			return err
		}
	}
	m.origin = &origin{config: config, small: m.small}
	return nil
}

// keepSmall remembers the other files of a directory.
func (m *Model) keepSmall(files Files) error {
	if m.packed {
		return nil
	}
	names := slices.Clone(smallFiles)
	for _, name := range tokenizerFiles {
		names = append(names, path.Join(wordsDir, name))
	}
	m.small = map[string][]byte{}
	return readSmall(m.small, files, names)
}

// sayable says whether safetensors can hold the frozen parts as they are stored.
func (m *Model) sayable() bool {
	return !slices.ContainsFunc(m.stock, func(t weights.Tensor) bool { return t.Type.Quantized() })
}

// readSmall keeps those of the named files that there are.
func readSmall(small map[string][]byte, files Files, names []string) error {
	return model.ReadSmall(files, names, func(name string, raw []byte) error {
		small[name] = raw
		return nil
	})
}

// writeSmall writes them into a directory.
func writeSmall(dir string, small map[string][]byte) error {
	for name, raw := range small {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Whole says whether Save writes the frozen parts too.
func (m *Model) Whole() bool { return m.origin != nil }

// Checkpoint is Save for one of many of the same model: frozen parts that Save would write are a shard of their own, as a hard link to
// the one in the directory like where there is one and the file system has links.
func (m *Model) Checkpoint(dir, like string) error {
	if !m.Whole() {
		return m.Save(dir)
	}
	if err := m.saveWhole(dir, like, true); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}

// saveWhole writes a whole model's directory.
func (m *Model) saveWhole(dir, like string, shards bool) error {
	if err := m.copyOrigin(dir); err != nil {
		return err
	}
	trained, first := m.split()
	meta := map[string]string{"format": "pt"}
	if len(first) > 0 {
		if err := weights.WriteSafetensors(filepath.Join(dir, firstStageFile), first, meta); err != nil {
			return err
		}
	}
	total := 0
	for _, t := range append(trained[:len(trained):len(trained)], m.stock...) {
		total += len(t.Data)
	}
	if !shards && total <= largestFile {
		return weights.WriteSafetensors(filepath.Join(dir, wholeFile), append(trained, m.stock...), meta)
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, trainedShard), trained, meta); err != nil {
		return err
	}
	frozen := filepath.Join(dir, frozenShard)
	if like == "" || os.Link(filepath.Join(like, frozenShard), frozen) != nil {
		if err := weights.WriteSafetensors(frozen, m.stock, meta); err != nil {
			return err
		}
	}
	return m.saveIndex(dir, trained, total)
}

// split parts what learns into what transformers' class has a place for and what it has not.
func (m *Model) split() (trained, first []weights.Tensor) {
	for _, p := range m.stored() {
		t := weights.FromFloat32(p.Name(), p.Shape(), p.Data())
		if m.foreign(p.Name()) {
			first = append(first, t)
		} else {
			trained = append(trained, t)
		}
	}
	return trained, first
}

// foreign says whether transformers' class for such a model, Blip2ForConditionalGeneration or Blip2ForImageTextRetrieval, does not
// know a tensor.
func (m *Model) foreign(name string) bool {
	heads := firstHeads
	if m.Bridge.Prompt == nil {
		heads = unreleased
	}
	return hasPrefixOf(name, heads)
}

// saveIndex says which shard each tensor is in.
func (m *Model) saveIndex(dir string, trained []weights.Tensor, total int) error {
	in := map[string]string{}
	for _, t := range trained {
		in[t.Name] = trainedShard
	}
	for _, t := range m.stock {
		in[t.Name] = frozenShard
	}
	raw, err := json.MarshalIndent(map[string]any{"metadata": map[string]int{"total_size": total}, "weight_map": in}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, indexFile), append(raw, '\n'), 0o644)
}

// copyOrigin writes config.json and the small files.
func (m *Model) copyOrigin(dir string) error {
	config, err := m.originConfig()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		return err
	}
	return writeSmall(dir, m.origin.small)
}

// originConfig is config.json as it came in, with what the model has learnt beyond transformers' keys.
func (m *Model) originConfig() ([]byte, error) {
	was, err := ParseConfig(m.origin.config)
	if err != nil {
		return nil, err
	}
	if reflect.DeepEqual(was.Extras, m.Config.Extras) {
		return m.origin.config, nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(m.origin.config, &fields); err != nil {
		return nil, err
	}
	if fields["dragoman"], err = json.Marshal(m.Config.Extras); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(fields, "", "  ")
	return append(raw, '\n'), err
}

func hasPrefixOf(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
