package blip2

import "fmt"

// OpenLanguage opens a language model by itself, a GGUF file or a directory of transformers': a Model that has Language and
// Tokenizer, and nothing else. "mini:NAME" is a file that is built in.
func OpenLanguage(path string, opt Options) (*Model, error) {
	m := &Model{Config: Config{ImageID: -1}}
	opt.frozen = &m.frozen
	part, err := LanguagePart(Files{}, path)
	if err == nil {
		m.Config.Language = part
		m.Language, m.Tokenizer, err = m.open.openLanguage(part, Files{}, nil, "", opt)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("open language model: %s: %w", path, err)
	}
	return m, nil
}
