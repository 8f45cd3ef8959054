package blip2

import (
	"errors"
	"fmt"

	"dragoman/model"
	"dragoman/weights"
)

// IsLanguage says whether there is a language model by itself at path: a GGUF file, or a directory or a packed file whose config.json
// is that of one.
func IsLanguage(path string) bool {
	files, err := model.Find(path)
	if err != nil {
		return false
	}
	defer files.Close() // a file that was only looked at
	if files.Packed != nil && !model.IsPacked(files.Packed) {
		return files.Packed.Format == weights.GGUF
	}
	raw, err := files.ReadFile("config.json")
	if err != nil {
		return false
	}
	p, err := model.ParsePart(raw, "")
	return err == nil && model.IsLanguage(p.Type)
}

// OpenLanguage opens a language model by itself, a GGUF file, a directory of transformers', or a packed file: a Model that has Language
// and Tokenizer, and nothing else. "mini:NAME" is a file that is built in.
func OpenLanguage(path string, opt Options) (*Model, error) {
	m := &Model{Config: Config{ImageID: -1}}
	opt.frozen = &m.frozen
	if err := m.bindLanguageAlone(path, opt); err != nil {
		return nil, fmt.Errorf("open language model: %s: %w", path, errors.Join(err, m.Close()))
	}
	return m, nil
}

func (m *Model) bindLanguageAlone(path string, opt Options) (err error) {
	var files Files
	var own weights.Source
	if IsPacked(path) {
		if files, err = model.Find(path); err != nil {
			return err
		}
		m.open, own = append(m.open, files.Packed), files.Packed
		var raw []byte
		if raw, err = files.ReadFile("config.json"); err == nil {
			m.Config.Language, err = model.ParsePart(raw, "")
		}
	} else {
		m.Config.Language, err = model.LanguagePart(files, path)
	}
	if err != nil {
		return err
	}
	var alone weights.Source
	if own != nil {
		alone = weights.Below(own, languageModule+".")
	}
	if err := opt.fits(files, alone, map[string]Part{languageModule: m.Config.Language}); err != nil {
		return err
	}
	return m.openLanguage(m.Config.Language, files, own, "", opt)
}
