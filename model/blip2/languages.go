package blip2

import (
	"dragoman/language"
	"dragoman/language/llama"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// openLanguage opens the language model that a configuration describes, with its tokenizer. Its module path begins with module, and so
// do its tensors' names where they stand among those of a whole model.
func (o *opened) openLanguage(p Part, files Files, own weights.Source, module string, options Options) (language.Model, tokenizer.Tokenizer, error) {
	prefix := module
	if prefix != "" {
		prefix += "."
	}
	src, file, err := o.source(p, files, own, prefix)
	if err != nil {
		return nil, nil, err
	}
	bound := options.frozenBuilder()
	if module == "" {
		bound.Store = options.Precision.StoreLanguage
	}
	if file != nil && file.Format == weights.GGUF && (files.Packed == nil || file.Meta.Architecture() != "") {
		m, err := llama.FromGGUF(file, module, bound)
		if err != nil {
			return nil, nil, err
		}
		t, err := tokenizer.FromGGUF(file.Meta)
		return m, t, err
	}
	at, err := p.Weights()
	if err != nil {
		return nil, nil, err
	}
	folder := files.Below(at)
	g, err := model.ReadGeneration(folder)
	if err != nil {
		return nil, nil, err
	}
	var t tokenizer.Tokenizer
	if p, err := folder.Tokenizer(); err == nil {
		t = p
	} else if !options.spares(err) {
		return nil, nil, err
	}
	if options.lineEnds && t != nil {
		if ids := t.Encode("\n", false); len(ids) == 1 {
			g.EOS = ids
		}
	}
	b := nn.NewBuilder(src, bound).Trainable(options.All)
	if module != "" {
		b = b.Sub(module)
	}
	m, err := model.BindLanguage(b, p.Type, p.JSON, g)
	if err != nil {
		return nil, nil, err
	}
	options.learn(b)
	return m, t, b.Err()
}
