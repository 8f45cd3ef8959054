package blip2

import (
	"encoding/json"
	"fmt"

	"dragoman/internal/plainjson"
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
	if src, p, err = tied(src, prefix, p); err != nil {
		return err
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

// tables are, of the language models whose output head may be the embedding, the names of the embedding. T5 looks for its own.
var tables = map[string]string{
	model.OPT: "model.decoder.embed_tokens.weight", model.Llama: "model.embed_tokens.weight", model.Mistral: "model.embed_tokens.weight",
}

// tied is a language model's checkpoint, and its configuration, as transformers 5 reads them where the configuration has the head be the
// embedding: a checkpoint that kept only the head has the embedding in it, and a head that differs from the embedding is one of its own.
func tied(src weights.Source, prefix string, p Part) (weights.Source, Part, error) {
	const headName = "lm_head.weight"
	j := struct {
		Tied bool `json:"tie_word_embeddings"`
	}{Tied: p.Type == model.OPT}
	if err := plainjson.Unmarshal(p.JSON, &j); err != nil {
		return nil, p, fmt.Errorf("config.json: %w", err)
	}
	tableName, known := tables[p.Type]
	head, spelt := src.Lookup(prefix + headName)
	if !known || !j.Tied || !spelt {
		return src, p, nil
	}
	table, ok := src.Lookup(prefix + tableName)
	if !ok {
		if _, ok := src.Lookup(prefix + "decoder.embed_tokens.weight"); ok { // an OPT by its older names
			return src, p, nil
		}
		head.Name = prefix + tableName
		return weights.Merge(weights.NewMemory(head), src), p, nil
	}
	same, err := table.Equal(head)
	if err != nil || same {
		return src, p, err
	}
	fields := map[string]json.RawMessage{}
	if err := plainjson.Unmarshal(p.JSON, &fields); err != nil {
		return nil, p, fmt.Errorf("config.json: %w", err)
	}
	fields["tie_word_embeddings"] = json.RawMessage("false")
	p.JSON, err = json.Marshal(fields)
	return src, p, err
}
