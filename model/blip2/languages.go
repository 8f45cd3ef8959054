package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"dragoman/language"
	"dragoman/language/llama"
	"dragoman/language/opt"
	"dragoman/nn"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// The model types of language models.
const (
	typeLlama = "llama"
	typeOPT   = "opt"
)

func isLanguageType(t string) bool { return t == typeLlama || t == typeOPT }

// LanguagePart describes the language model in a GGUF file or in a directory of transformers', for a config.json.
func LanguagePart(files Files, name string) (Part, error) {
	raw, err := files.ReadFile(name + "/config.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return Part{}, err
	}
	return withWeights(raw, typeLlama, files.where(name))
}

func isNotDir(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Op == "stat"
}

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
	bound := options.builder()
	if module == "" {
		bound.Store = options.Precision.storeLanguage
	}
	if file != nil && file.Format == weights.GGUF && (files.packed == nil || file.Meta.Architecture() != "") {
		m, err := llama.FromGGUF(file, module, bound)
		if err != nil {
			return nil, nil, err
		}
		t, err := tokenizer.FromGGUF(file.Meta)
		return m, t, err
	}
	at, err := p.weights()
	if err != nil {
		return nil, nil, err
	}
	folder := files.Below(at)
	eos, err := readEOS(folder)
	if err != nil {
		return nil, nil, err
	}
	b := nn.NewBuilder(src, bound).Trainable(options.All)
	if module != "" {
		b = b.Sub(module)
	}
	m, err := bindLanguage(b, p, eos)
	if err != nil {
		return nil, nil, err
	}
	options.learn(b)
	if err := b.Err(); err != nil {
		return nil, nil, err
	}
	t, err := folder.Tokenizer()
	return m, t, err
}

// bindLanguage binds the language model of a configuration; eos, where it is not empty, replaces what the configuration says ends a
// text.
func bindLanguage(b *nn.Builder, p Part, eos []int32) (language.Model, error) {
	switch p.Type {
	case typeLlama:
		c, err := llama.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		if len(eos) > 0 {
			c.EOS = eos
		}
		return llama.New(b, c), nil
	case typeOPT:
		c, err := opt.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		if len(eos) > 0 {
			c.EOS = eos
		}
		return opt.New(b, c), nil
	}
	return nil, fmt.Errorf("config.json: text_config: model_type %q is none of %s, %s", p.Type, typeLlama, typeOPT)
}

// generationFile is where transformers keeps what generating needs.
const generationFile = "generation_config.json"

// readEOS reads the ids that end a text, which a model may have learnt anew: BLIP-2 ends OPT's texts with the end of a line. Nothing
// without the file.
func readEOS(files Files) ([]int32, error) {
	raw, err := files.ReadFile(generationFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var j struct {
		EOS language.IDs `json:"eos_token_id"`
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, fmt.Errorf("%s: %w", generationFile, err)
	}
	return j.EOS, nil
}
