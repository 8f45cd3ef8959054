package flamingo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dragoman/internal/atomicfile"
	"dragoman/kernel"
	"dragoman/model"
	"dragoman/weights"
)

// Where the parts of an OpenFlamingo are in a packed file, and below a directory that Write wrote.
const (
	visionFolder    = "vision"
	languageFolder  = "language"
	tokenizerFolder = "tokenizer"
)

// Pack writes the model at path, a directory or a file, into one GGUF file that Open takes, with matrices as p says. Nothing but a few
// pieces of the tensors is in memory at a time.
func Pack(path, out string, p model.Precision) error {
	return collect(path, func(m *Model, k *model.Packer) error {
		return k.Write(out, m.store(p))
	})
}

// collect opens a model as it lies and collects all that it is made of, under its names in a whole model.
func collect(path string, use func(m *Model, k *model.Packer) error) (err error) {
	k := &model.Packer{Meta: weights.Meta{}}
	m, err := Open(path, Options{bound: k.Bound})
	if err != nil {
		return fmt.Errorf("convert model: %w", err)
	}
	defer func() {
		if err = errors.Join(err, m.Close()); err != nil {
			err = fmt.Errorf("convert model: %w", err)
		}
	}()
	k.Files = m.found
	if m.compare != nil { // which is read, and bound by nobody
		k.Bound(weights.FromFloat32(visionModule+"."+projectionName, m.compare.Shape(), m.compare.Data()))
	}
	if err := m.describe(k); err != nil {
		return err
	}
	return use(m, k)
}

func (m *Model) isOpenFlamingo() bool { return m.upon.kind != "" }

// store is what a precision says of the model's tensors.
func (m *Model) store(p model.Precision) func(weights.Tensor) (kernel.DType, bool) {
	if m.isOpenFlamingo() || m.own != nil {
		return p.StoreAs(openFlamingoPart)
	}
	return p.StoreAs(ideficsPart)
}

// describe collects the small files.
func (m *Model) describe(k *model.Packer) error {
	if err := k.Copy("", "", model.SmallFiles); err != nil {
		return err
	}
	if m.own != nil {
		return m.describeOwn(k)
	}
	if !m.isOpenFlamingo() {
		raw, err := m.found.ReadFile("config.json")
		if err != nil {
			return err
		}
		k.Begin(typeIDEFICS, raw)
		return nil
	}
	c := m.upon.config
	words := c
	c.Vision, c.Language, c.Tokenizer = visionFolder, languageFolder, languageFolder
	if words.Tokenizer != words.Language {
		c.Tokenizer = tokenizerFolder
	}
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	k.Begin(typeOpenFlamingo, append(raw, '\n'))
	if raw, err = m.upon.clip.JSON(); err != nil {
		return err
	}
	k.Put(visionFolder+"/config.json", raw)
	k.Put(languageFolder+"/config.json", m.upon.languageConfig)
	if err := k.Copy(words.Language, languageFolder, []string{model.GenerationFile}); err != nil {
		return err
	}
	return k.Copy(words.Tokenizer, c.Tokenizer, model.TokenizerFiles)
}

// Write writes the model at path as a directory that has everything in it: IDEFICS as transformers has it, OpenFlamingo as a config.json with
// what was trained, and folders of transformers' for the parts that it stands upon. Matrices are rounded to 16 bits, or not at all.
func Write(path, dir string, p model.Precision) error {
	if p.Some && p.Matrices.BlockLen() != 1 {
		return fmt.Errorf("convert model: %s: a directory of transformers' cannot say %v", dir, p.Matrices)
	}
	return collect(path, func(m *Model, k *model.Packer) error {
		if m.own != nil {
			return errors.New("its frozen parts are files of their own: a folder takes the bridge alone")
		}
		for key, text := range k.Meta {
			name, ok := strings.CutPrefix(key, model.FileKey)
			if !ok {
				continue
			}
			to := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := atomicfile.WriteBytes(to, []byte(text.(string))); err != nil {
				return err
			}
		}
		parts, store := map[string][]weights.Tensor{}, m.store(p)
		for _, t := range append(k.Tensors, m.unasked(k.Tensors)...) {
			folder := ""
			if m.isOpenFlamingo() {
				folder = m.upon.folder(&t)
			}
			parts[folder] = append(parts[folder], t)
		}
		for folder, tensors := range parts {
			if err := m.writeFolder(filepath.Join(dir, folder), tensors, store); err != nil {
				return err
			}
		}
		return nil
	})
}

// unasked are the tensors of the parts' checkpoints that the model does not read, but that transformers has a place for: a last norm of the
// encoder, words of a language model that others stand for.
func (m *Model) unasked(bound []weights.Tensor) []weights.Tensor {
	have := map[string]bool{}
	for _, t := range bound {
		have[t.Name] = true
	}
	var more []weights.Tensor
	for _, src := range m.parts {
		for _, name := range src.Names() {
			if t, ok := src.Lookup(name); ok && !have[name] && !t.Type.Integer() && !strings.HasSuffix(name, "inv_freq") {
				t.Name = name
				more = append(more, t)
			}
		}
	}
	if own := m.upon.own; own != nil {
		for _, name := range own.Names() {
			if t, ok := own.Lookup(name); ok && have["lang_encoder."+name] {
				if _, trained := m.upon.trained.Lookup("lang_encoder." + name); trained {
					t.Name = name // as it is called in its folder
					more = append(more, t)
				}
			}
		}
	}
	return more
}

// folder is the one that a tensor belongs into, and has the tensor's name be that which it has there.
func (f *frozen) folder(t *weights.Tensor) string {
	if inner, ok := strings.CutPrefix(t.Name, visionModule+"."); ok && inner == projectionName {
		t.Name = inner
		return visionFolder
	} else if ok {
		t.Name = "vision_model." + inner
		return visionFolder
	}
	if _, trained := f.trained.Lookup(t.Name); trained {
		return ""
	}
	t.Name = strings.TrimPrefix(t.Name, "lang_encoder.")
	if f.own != nil {
		if whole, ok := f.own.Lookup(t.Name); ok { // with the rows that stand for no word, as its configuration counts them
			*t = whole
		}
	}
	return languageFolder
}

// writeFolder writes a folder's tensors into one file.
func (m *Model) writeFolder(dir string, tensors []weights.Tensor, store func(weights.Tensor) (kernel.DType, bool)) error {
	var outputs []weights.Output
	for _, t := range tensors {
		outputs = append(outputs, model.Output(t, store))
	}
	return weights.StreamSafetensors(filepath.Join(dir, "model.safetensors"), outputs, map[string]string{"format": "pt"})
}
