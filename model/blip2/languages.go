package blip2

import (
	"dragoman/language/llama"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// openLanguage opens the language model that a configuration describes, with its tokenizer. Its module path begins with module, and so
// do its tensors' names where they stand among those of a whole model.
func (m *Model) openLanguage(p Part, files Files, own weights.Source, module string, options Options) error {
	prefix := module
	if prefix != "" {
		prefix += "."
	}
	src, file, err := m.open.source(p, files, own, prefix)
	if err != nil {
		return err
	}
	bound := options.frozenBuilder()
	if module == "" {
		bound.Store = options.Precision.StoreLanguage
	}
	if file != nil && file.Format == weights.GGUF && (files.Packed == nil || file.Meta.Architecture() != "") {
		words, err := llama.FromGGUF(file, module, bound)
		if err != nil {
			return err
		}
		m.Language = words
		m.Tokenizer, err = tokenizer.FromGGUF(file.Meta)
		return err
	}
	at, err := p.Weights()
	if err != nil {
		return err
	}
	folder := files.Below(at)
	g, err := model.ReadGeneration(folder)
	if err != nil {
		return err
	}
	if t, err := folder.Tokenizer(); err == nil {
		m.Tokenizer = t
	} else if !options.spares(err) {
		return err
	}
	if options.lineEnds && m.Tokenizer != nil {
		if ids := m.Tokenizer.Encode("\n", false); len(ids) == 1 {
			g.EOS = ids
		}
	}
	b := nn.NewBuilder(src, bound).Trainable(options.All)
	if module != "" {
		b = b.Sub(module)
	}
	if m.Language, err = model.BindLanguage(b, p.Type, p.JSON, g); err != nil {
		return err
	}
	m.Rules = g.Rules()
	options.learn(b)
	return b.Err()
}
